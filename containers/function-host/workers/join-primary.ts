/** The worker's side: tells the primary that it is ready, what it has counted, and its last figures. */
import cluster from 'node:cluster'
import type { Metrics } from '#core/platform/metrics.ts'
import { readAsk, type WorkerMessage } from './messages.ts'

export interface Membership {
  ready(): void
  /** Gives the last figures over; resolves when they are on their way, or after a second. */
  farewell(): Promise<void>
}

const FAREWELL_MS = 1000

/**
 * Joins the primary that forked this process.
 * @param onOrphaned the primary is gone, and with it the listening socket: the worker should end what it has and go
 */
export function joinPrimary(metrics: Pick<Metrics, 'snapshot'>, onOrphaned: () => void): Membership {
  // Otherwise Node ends the process in the middle of its requests the moment the primary is gone.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  process.once('disconnect', onOrphaned)
  process.on('message', (message) => {
    const ask = readAsk(message)
    if (!ask) return
    metrics.snapshot().then(
      (snapshot) => void send({ ninefold: 'metrics', id: ask.id, metrics: snapshot }),
      // No answer: the primary goes on with the last figures that it has.
      () => undefined,
    )
  })
  return {
    ready: () => void send({ ninefold: 'ready' }),
    async farewell() {
      const late = new Promise<void>((resolve) => setTimeout(resolve, FAREWELL_MS).unref())
      const said = metrics.snapshot().then((snapshot) => send({ ninefold: 'farewell', metrics: snapshot }))
      await Promise.race([said.catch(() => undefined), late])
    },
  }
}

function send(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve()
    process.send(message, undefined, undefined, () => resolve())
  })
}
