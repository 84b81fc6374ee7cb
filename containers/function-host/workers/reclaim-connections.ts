/** Ends the connections that a killed worker was being passed: nobody else knows of them, and their clients would wait for ever. */
import type { Worker } from 'node:cluster'

interface Handle {
  close(): void
}
interface PassedOn {
  readonly act?: unknown
  readonly seq?: unknown
}
type Send = (message: PassedOn, handle?: Handle, ...rest: unknown[]) => boolean

/**
 * The primary of node:cluster accepts a connection, sends it to a worker and closes its own copy when the worker has taken
 * it. Where the worker is killed in between, that copy stays open. It is followed here by the words between the two,
 * which Node does not promise: should they change, nothing is followed and nothing breaks.
 */
export function reclaimConnections(worker: Worker): void {
  const underWay = new Map<unknown, Handle>()
  const channel = worker.process as unknown as { send: Send }
  const send = channel.send.bind(channel)
  channel.send = (message, handle, ...rest) => {
    if (message?.act === 'newconn' && handle) underWay.set(message.seq, handle)
    return send(message, handle, ...rest)
  }
  worker.process.on('internalMessage', (message: { ack?: unknown }) => {
    if (message.ack !== undefined) underWay.delete(message.ack)
  })
  worker.process.once('exit', () => {
    for (const handle of underWay.values()) handle.close()
    underWay.clear()
  })
}
