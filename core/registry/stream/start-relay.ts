/** Keeps the relay running in a process: one leader by lease, correct with several. */
import { backgroundCall } from '#core/platform/background-call.ts'
import { startLoop } from '#core/platform/background-loop.ts'
import { leadOrAlone } from '#core/platform/coordination/lead-or-alone.ts'
import type { RegistryContext, RegistryResources } from '../context.ts'
import { type Relayed, relayOwnEvents, relayTegEvents } from './relay-events.ts'

/** Channel of the hint that an outbox has grown: it reaches the process that leads. */
export const OUTBOX_CHANNEL = 'outbox'

const LEASE = 'relay'
const LEASE_MS = 5000
const BUSY_MS = 25
const IDLE_MS = 1000

export interface Relay {
  /** Tells that there is something in an outbox. */
  wake(): void
  stop(): Promise<void>
}

/** Starts it. The TEG has a loop of its own, so that a slow TEG never holds back the registry's own facts. */
export async function startRelay(resources: RegistryResources): Promise<Relay> {
  const { coordination, log } = resources
  const token = Buffer.from(resources.random(12)).toString('base64url')
  let leads = false

  let leadsUntil = 0
  let asking: Promise<boolean> | null = null

  /** The lease only spares work: without the store every process relays, and the journal's lock keeps the order. */
  const lead = (): Promise<boolean> => {
    if (performance.now() < leadsUntil) return Promise.resolve(true)
    // Both loops ask together: two answers about one lease would contradict each other.
    asking ??= leadOrAlone(coordination, LEASE, token, LEASE_MS)
      .catch(() => true)
      .then((held) => {
        leads = held
        leadsUntil = held ? performance.now() + LEASE_MS / 2 : 0
        return held
      })
      .finally(() => {
        asking = null
      })
    return asking
  }
  const loopOf = (name: string, move: (ctx: RegistryContext) => Promise<Relayed>) =>
    startLoop({
      name,
      log,
      busyMs: BUSY_MS,
      idleMs: IDLE_MS,
      async turn(signal) {
        if (!(await lead())) return false
        const { more } = await move({ ...resources, ...backgroundCall(resources, name, signal) })
        return more
      },
    })
  const loops = [loopOf('relay-registry', relayOwnEvents), loopOf('relay-teg', relayTegEvents)]
  const wakeLocal = () => {
    for (const loop of loops) loop.wake()
  }
  // Without hints from other processes the loops still poll.
  const unsubscribe = await coordination
    .subscribe(OUTBOX_CHANNEL, wakeLocal)
    .catch(() => async () => undefined)

  let telling = false
  return {
    wake() {
      if (leads) return wakeLocal()
      if (telling) return
      telling = true
      coordination
        .publish(OUTBOX_CHANNEL, '')
        .catch(() => undefined)
        .finally(() => {
          telling = false
        })
    },
    async stop() {
      await unsubscribe()
      await Promise.all(loops.map((loop) => loop.stop()))
      await coordination.releaseLease(LEASE, token).catch(() => undefined)
    },
  }
}
