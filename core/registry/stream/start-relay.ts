/** Keeps the relay running in a process: one leader by lease, correct with several. */
import { backgroundCall } from '#core/platform/background-call.ts'
import { startLoop } from '#core/platform/background-loop.ts'
import { openSparingLease } from '#core/platform/sparing-lease.ts'
import type { RegistryContext, RegistryResources } from '../context.ts'
import { detectRestore } from './detect-restore.ts'
import { RelayHalted } from './errors.ts'
import { type Relayed, relayOwnEvents, relayTegEvents } from './relay-events.ts'

/** Channel of the hint that an outbox has grown: it reaches the process that leads. */
export const OUTBOX_CHANNEL = 'outbox'

const BUSY_MS = 25
const IDLE_MS = 1000
/** Most hints tell of the registry's own outbox: a look at the TEG that found nothing does for those that come with it. */
const TEG_GATHER_MS = 100
/** The embedded database has no writer but this process, and each of them wakes the relay: polling is a safety net. */
const IDLE_EMBEDDED_MS = 5000

export interface Relay {
  /** Tells that there is something in an outbox; to be called after the commit, never inside a transaction. */
  wake(): void
  /** True while the TEG's outbox contradicts the journal. */
  halted(): boolean
  stop(): Promise<void>
}

/** Starts it. The TEG has a loop of its own, so that a slow TEG never holds back the registry's own facts. */
export async function startRelay(resources: RegistryResources): Promise<Relay> {
  const { coordination, log } = resources
  const lease = openSparingLease(
    coordination,
    'relay',
    Buffer.from(resources.random(12)).toString('base64url'),
  )
  let led = false
  let isHalted = false
  let looked: Promise<void> | null = null

  const loopOf = (name: string, move: (ctx: RegistryContext) => Promise<Relayed>) =>
    startLoop({
      name,
      log,
      busyMs: BUSY_MS,
      idleMs: resources.db.kind === 'pglite' ? IDLE_EMBEDDED_MS : IDLE_MS,
      ...(move === relayTegEvents ? { gatherMs: TEG_GATHER_MS } : {}),
      async turn(signal) {
        led = await lease.leads()
        if (!led) return false
        const ctx = { ...resources, ...backgroundCall(resources, name, signal) }
        try {
          // Again after a failure: behind it may be another server.
          looked ??= detectRestore(ctx)
          await looked
          const { more } = await move(ctx)
          if (move === relayTegEvents) isHalted = false
          return more
        } catch (error) {
          if (move === relayTegEvents) isHalted = error instanceof RelayHalted
          else looked = null
          throw error
        }
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
  let again = false
  /** One hint under way at a time; what came meanwhile is told by one more. */
  const tell = async () => {
    telling = true
    do {
      again = false
      await coordination.publish(OUTBOX_CHANNEL, '').catch(() => undefined)
    } while (again)
    telling = false
  }
  return {
    wake() {
      if (led) return wakeLocal()
      if (telling) again = true
      else void tell()
    },
    halted: () => isHalted,
    async stop() {
      await unsubscribe()
      await Promise.all(loops.map((loop) => loop.stop()))
      await lease.release()
    },
  }
}
