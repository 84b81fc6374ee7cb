/** The primary of several workers: forks them, replaces crashed ones with back-off, forwards the stop signal. */
import cluster, { type Worker } from 'node:cluster'
import type { Log } from '#core/platform/log.ts'

const BACKOFF_FIRST_MS = 250
const BACKOFF_MAX_MS = 10_000
/** A worker that lived this long has proved that it can start. */
const STABLE_MS = 30_000

/** Runs `count` workers until SIGTERM or SIGINT; the primary holds no sockets. */
export function runWorkers(count: number, graceSeconds: number, log: Log): void {
  let stopping = false
  let backoffMs = BACKOFF_FIRST_MS
  const born = new Map<Worker, number>()
  const fork = () => born.set(cluster.fork(), performance.now())
  for (let i = 0; i < count; i++) fork()

  cluster.on('exit', (worker, code) => {
    const lived = performance.now() - (born.get(worker) ?? 0)
    born.delete(worker)
    if (stopping) {
      if (born.size === 0) process.exit(0)
      return
    }
    backoffMs = lived > STABLE_MS ? BACKOFF_FIRST_MS : Math.min(backoffMs * 2, BACKOFF_MAX_MS)
    log.warn(
      { status: code, duration_ms: Math.round(lived), hint: `replaced in ${backoffMs} ms` },
      'a worker ended',
    )
    setTimeout(() => !stopping && fork(), backoffMs)
  })

  const stop = (signal: NodeJS.Signals) => {
    if (stopping) return
    stopping = true
    for (const worker of born.keys()) worker.process.kill(signal)
    setTimeout(() => process.exit(1), graceSeconds * 1000).unref()
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGTERM'))
}
