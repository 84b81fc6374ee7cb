/** The worker's side: tells the primary that it is ready, what it has counted, and its last figures. */
import cluster from 'node:cluster'
import type { Metrics } from '#core/platform/metrics.ts'
import { readPrimaryMessage, type WorkerMessage } from './messages.ts'

export interface Membership {
  ready(): void
  /**
   * Gives the last figures over, once the servers are closed. Resolves when the primary has taken them, or after a
   * second: a connection that it had already passed to this process has come by then and was given back. A process that
   * ended without it would take such connections with it, and their clients would wait for ever.
   */
  farewell(): Promise<void>
}

const FAREWELL_MS = 1000

/**
 * Joins the primary that forked this process.
 * @param onLeave it should end what it has and go: another worker has taken its place (`replaced`), or the primary is
 *   gone and with it the listening socket (`orphaned`)
 */
export function joinPrimary(
  metrics: Pick<Metrics, 'snapshot'>,
  onLeave: (why: 'replaced' | 'orphaned') => void,
): Membership {
  // Otherwise Node ends the process in the middle of its requests the moment the primary is gone.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  process.once('disconnect', () => onLeave('orphaned'))
  let tellTaken: () => void = () => undefined
  const taken = new Promise<void>((resolve) => {
    tellTaken = resolve
  })
  process.on('message', (raw) => {
    const message = readPrimaryMessage(raw)
    if (message?.ninefold === 'farewell') tellTaken()
    if (message?.ninefold === 'leave') onLeave('replaced')
    if (message?.ninefold !== 'tell-metrics') return
    metrics.snapshot().then(
      (snapshot) => void send({ ninefold: 'metrics', id: message.id, metrics: snapshot }),
      // No answer: the primary goes on with the last figures that it has.
      () => undefined,
    )
  })
  return {
    ready: () => void send({ ninefold: 'ready' }),
    async farewell() {
      if (!process.connected) return
      const late = new Promise<void>((resolve) => setTimeout(resolve, FAREWELL_MS))
      const snapshot = await Promise.race([metrics.snapshot().catch(() => []), late])
      await send({ ninefold: 'farewell', metrics: snapshot ?? [] })
      await Promise.race([taken, late])
    },
  }
}

function send(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || !process.send) return resolve()
    process.send(message, undefined, undefined, () => resolve())
  })
}
