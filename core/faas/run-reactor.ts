/** The job of a reactor's timer: one round of relay and reactor. */
import { backgroundCall } from '#core/platform/background-call.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import { reactorStore } from '#core/registry/stream/reactor-store.ts'
import { relayOwnEvents, relayTegEvents } from '#core/registry/stream/relay-events.ts'
import type { Reactor } from '#core/runtime/define-reactor.ts'
import { runReactor } from '#core/runtime/run-reactors.ts'
import type { Job } from './on-lambda.ts'

/** Turns of one round: what is left waits for the next timer. */
const TURNS_MAX = 1_000

/**
 * Brings the journal up to date and runs a reactor to its end. With a host beside it the relay finds nothing to do; without
 * one this is the relay. The lock on the cursor lets one of many instances work on an event, each event once.
 */
export function reactorJob(name: string, reactor: Reactor<RegistryContext>): Job<RegistryResources> {
  return async ({ resources }, { signal }) => {
    const open = (): RegistryContext => ({
      ...resources,
      ...backgroundCall(resources, `reactor:${name}`, signal),
    })
    while (!signal.aborted && (await relayOwnEvents(open())).more);
    // A TEG that is away holds back its own facts and no others; the invocation fails all the same, when the rest is done.
    let away: unknown = null
    try {
      while (!signal.aborted && (await relayTegEvents(open())).more);
    } catch (error) {
      away = error
    }
    for (let turn = 0; turn < TURNS_MAX && !signal.aborted; turn++)
      if (!(await runReactor(open(), reactorStore, name, reactor)).more) break
    if (away !== null) throw away
    return { state: 'done', ran: [] }
  }
}
