/** The context of work that no request has asked for: loops, reactors, streams. */
import { type Context, idMaker, type Resources } from './context.ts'

/** Makes one. `name` stands in log lines; the caller is nobody. */
export function backgroundCall(resources: Resources, name: string, signal: AbortSignal): Context {
  const newId = idMaker(resources.clock, resources.random)
  const requestId = newId()
  const db = resources.db.bound(signal)
  return {
    ...resources,
    db,
    log: resources.log.with({ request_id: requestId, task: name }),
    time: resources.clock.fixed,
    caller: { kind: 'anonymous' },
    requestId,
    signal,
    newId,
    idempotencyKey: null,
    once: (work) => db.transaction(work),
  }
}
