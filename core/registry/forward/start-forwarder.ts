/** Keeps the forwarder running in a process: one leader by lease, correct with several. */
import { backgroundCall } from '#core/platform/background-call.ts'
import { startLoop } from '#core/platform/background-loop.ts'
import type { Metrics } from '#core/platform/metrics.ts'
import { openSparingLease } from '#core/platform/sparing-lease.ts'
import type { RegistryResources } from '../context.ts'
import { type Forwarding, forwardEvents } from './forward-events.ts'
import { findLag } from './queries.ts'
import { ForwarderHalted } from './rules.ts'

/** Channel of the hint that the journal has grown. */
const JOURNAL_CHANNEL = 'journal'
/** Long enough that the events of a busy second travel together: nothing waits for them. */
const BUSY_MS = 200
const IDLE_MS = 5000
const IDLE_EMBEDDED_MS = 30_000

export interface Forwarder {
  stop(): Promise<void>
}

/** Starts it. An EventStore that is away or contradicts itself stops nothing else: the journal waits. */
export async function startForwarder(
  resources: RegistryResources,
  forwarding: Forwarding,
  metrics: Pick<Metrics, 'gauge' | 'counter'>,
): Promise<Forwarder> {
  const { coordination, log } = resources
  const token = Buffer.from(resources.random(12)).toString('base64url')
  const lease = openSparingLease(coordination, 'forwarder', token)
  const count = metrics.counter(
    'forwarder_events_total',
    'Events of the journal that the EventStore receipted.',
  )
  let isHalted = false
  const loop = startLoop({
    name: 'forwarder',
    log,
    busyMs: BUSY_MS,
    idleMs: resources.db.kind === 'pglite' ? IDLE_EMBEDDED_MS : IDLE_MS,
    async turn(signal) {
      if (!(await lease.leads())) return false
      try {
        const ctx = { ...resources, ...backgroundCall(resources, 'forwarder', signal) }
        const { moved, more } = await forwardEvents(ctx, forwarding)
        if (moved > 0) count(moved)
        isHalted = false
        return more
      } catch (error) {
        isHalted = error instanceof ForwarderHalted
        throw error
      }
    },
  })
  const lag = async () => findLag(resources.db).catch(() => null)
  metrics.gauge(
    'forwarder_lag_events',
    'Events of the journal without a receipt of the EventStore.',
    async () => {
      const found = await lag()
      return found && Number(found.waiting)
    },
  )
  metrics.gauge('forwarder_lag_seconds', 'Age of the oldest event without a receipt.', async () => {
    const found = await lag()
    if (!found) return null
    return found.since ? Math.max(0, (resources.clock.now().getTime() - found.since.getTime()) / 1000) : 0
  })
  metrics.gauge('forwarder_halted', '1 while the EventStore contradicts itself or the journal.', () =>
    isHalted ? 1 : 0,
  )
  // Without hints the loop still polls.
  const unsubscribe = await coordination
    .subscribe(JOURNAL_CHANNEL, loop.wake)
    .catch(() => async () => undefined)
  return {
    async stop() {
      await unsubscribe()
      await loop.stop()
      await lease.release()
    },
  }
}
