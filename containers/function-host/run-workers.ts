/**
 * The primary of several workers: starts them, replaces what crashes, changes them one by one on SIGHUP, stops them.
 * It serves nothing but /metrics: the listening socket stays with it, what comes over it goes to the workers.
 */
import cluster from 'node:cluster'
import { readConfig } from '#core/platform/config.ts'
import type { Log } from '#core/platform/log.ts'
import { openMetrics } from '#core/platform/metrics.ts'
import { serveMetrics } from './serve-metrics.ts'
import { gatherMetrics } from './workers/gather-metrics.ts'
import { type Ending, Member } from './workers/member.ts'
import { type Pace, Slot } from './workers/slot.ts'

export interface WorkersSpec {
  readonly count: number
  readonly graceSeconds: number
  readonly metricsPort: number
  readonly address: string
  readonly log: Log
  /** The program of a worker; this program by default. */
  readonly exec?: string
  readonly pace?: Partial<Pace>
  /** Looks at the configuration before workers are changed for ones that would read it anew. */
  readonly checkConfig?: () => void
}

const pace = {
  backoffFirstMs: 250,
  backoffMaxMs: 10_000,
  stableMs: 30_000,
  readyMs: 120_000,
}
/** Starts of the first worker that may end by a signal (no memory, somebody's kill); one that ends by itself has said why. */
const FIRST_STARTS_MAX = 3
/** Ends in a row without any worker that lasts, by worker: then the host ends, for its supervisor to see. */
const ENDS_MAX = 4
/** A worker ends itself at the end of the grace; the primary kills what has not. */
const KILL_MARGIN_MS = 1000
const LAST_WORDS_MS = 20

/** Runs them until SIGTERM or SIGINT. Resolves when the first worker is ready; ends the process by itself. */
export async function runWorkers(spec: WorkersSpec): Promise<void> {
  const { count, log } = spec
  cluster.setupPrimary({ serialization: 'advanced', ...(spec.exec ? { exec: spec.exec } : {}) })
  const killMs = spec.graceSeconds * 1000 + KILL_MARGIN_MS
  const times: Pace = { ...pace, killMs, ...spec.pace }
  const metrics = openMetrics()
  const countEnd = metrics.counter('host_worker_ends_total', 'Workers that ended unasked.')
  const countRoll = metrics.counter('host_rolls_total', 'Rolls by how they ended.', ['outcome'])
  let stopping: number | null = null
  let everReady = false
  let ends = 0
  let tellFirst: () => void = () => undefined
  const first = new Promise<void>((resolve) => {
    tellFirst = resolve
  })

  const slots = Array.from(
    { length: count },
    (_, at) =>
      new Slot(at + 1, {
        pace: times,
        log,
        random: Math.random,
        isStopping: () => stopping !== null,
        launch: (slot) => new Member(cluster.fork(), slot, times.readyMs),
        onReady(member) {
          everReady = true
          log.info({ worker: member.slot, duration_ms: Math.round(member.ageMs) }, 'a worker is ready')
          tellFirst()
        },
        onEnd(member, ending) {
          gathering.keep(member)
          if (stopping !== null) {
            if (ending.code !== 0) stopping ||= 1
            return leave()
          }
          if (member.isLeaving) return
          countEnd()
          judgeEnd(ending)
        },
      }),
  )
  const members = () => slots.flatMap((slot) => [...slot.members])
  const gathering = gatherMetrics(metrics, slots)
  metrics.gauge('host_workers_wanted', 'Workers that this host keeps at work.', () => count)
  metrics.gauge(
    'host_workers_ready',
    'Workers that serve.',
    () => slots.filter(({ current }) => current?.isReady).length,
  )

  /** Ends the host when its workers cannot: a container that only forks would look alive. */
  const judgeEnd = ({ code, wasReady }: Ending) => {
    ends++
    if (!everReady) {
      if (code !== null)
        fail(`its first worker ended with ${code} before it was ready; what it said stands above`)
      else if (ends >= FIRST_STARTS_MAX) fail(`its first worker was killed ${ends} times before it was ready`)
      return
    }
    if (members().some(({ isReady, ageMs }) => isReady && ageMs > times.stableMs)) ends = 0
    else if (ends >= ENDS_MAX * count)
      fail(
        `its workers ended ${ends} times without one that lasted ${times.stableMs / 1000} s${wasReady ? '' : ' or became ready'}`,
      )
  }
  const fail = (why: string) => {
    process.stderr.write(`Ninefold cannot go on: ${why}.\n`)
    log.error({ count: ends }, 'the workers cannot be kept at work: the host ends')
    stop(1)
  }
  const leave = () => {
    const status = stopping
    // The last lines of the log are still on their way.
    if (status !== null && members().length === 0) setTimeout(() => process.exit(status), LAST_WORDS_MS)
  }
  const stop = (status: number) => {
    if (stopping !== null) return
    stopping = status
    for (const slot of slots) slot.close()
    for (const member of members()) void member.retire(times.killMs)
    leave()
  }

  const roll = makeRoll(
    slots,
    spec,
    () => stopping !== null,
    (outcome) => countRoll(1, { outcome }),
  )
  process.on('SIGTERM', () => stop(0))
  process.on('SIGINT', () => stop(0))
  process.on('SIGHUP', () => {
    // The terminal that the host belongs to is gone.
    if (process.stdout.isTTY) stop(0)
    else void first.then(roll)
  })
  if (spec.metricsPort > 0) {
    const { port } = await serveMetrics(gathering, spec.metricsPort, spec.address)
    log.info({ service: 'metrics', port }, 'listening')
  }
  // One goes ahead: it migrates, and what keeps it from starting is said once and not by every worker.
  slots[0]?.open()
  await first
  for (const slot of slots.slice(1)) slot.open()
}

/** One roll at a time; a request during it is kept, once. */
function makeRoll(
  slots: readonly Slot[],
  spec: WorkersSpec,
  isStopping: () => boolean,
  tell: (outcome: 'completed' | 'failed') => void,
): () => Promise<void> {
  const { log } = spec
  const rollOnce = async (): Promise<boolean> => {
    try {
      spec.checkConfig?.()
    } catch (error) {
      process.stderr.write(`${(error as Error).message}\n`)
      log.error({}, 'the configuration is faulty: no worker is changed')
      return false
    }
    for (const slot of slots) {
      if (isStopping()) return false
      if (await slot.renew()) continue
      if (!isStopping())
        log.error({ worker: slot.number }, 'the new worker did not become ready: the others stay as they are')
      return false
    }
    return true
  }
  let rolling = false
  let again = false
  return async () => {
    again = true
    if (rolling) return log.info({}, 'a roll is under way: another one follows it')
    rolling = true
    while (again && !isStopping()) {
      again = false
      const started = performance.now()
      log.info({ count: slots.length }, 'changing the workers one by one')
      const completed = await rollOnce()
      tell(completed ? 'completed' : 'failed')
      if (completed)
        log.info({ duration_ms: Math.round(performance.now() - started) }, 'all workers are changed')
    }
    rolling = false
  }
}

/** The look at the configuration of a roll: files of secrets may have changed. */
export const checkEnvironment = (): void => void readConfig(process.env)
