/** Keeps deliveries going in a process: lanes beside each other, none waiting for another; any number of processes. */
import { backgroundCall } from '#core/platform/background-call.ts'
import { startLoop } from '#core/platform/background-loop.ts'
import type { RegistryContext, RegistryResources } from '../context.ts'
import { claimLanes } from './deliver-due.ts'
import { type ClaimedRow, dropAllLeases } from './queries.ts'
import { runLane } from './run-lane.ts'

const BUSY_MS = 50
const IDLE_MS = 2000
/** On the embedded database every hint comes from this process and arrives. */
const IDLE_EMBEDDED_MS = 5000
/** Lanes at the same time. Endpoints that fail or are slow have their own, so that they can't take those of the others. */
const GOOD_LANES = 128
const SUSPECT_LANES = 32
/** A turn claims no more than this: what it claims it serves at once. */
const CLAIM_MAX = 32
/** Time that requests at work get to end when the process stops. */
const STOP_MS = 5000

export interface Deliveries {
  /** Tells that something is due; to be called after the commit. */
  wake(): void
  stop(): Promise<void>
}

export async function startDeliveries(resources: RegistryResources): Promise<Deliveries> {
  const { log } = resources
  if (resources.db.kind === 'pglite') await dropAllLeases(resources.db)
  const cut = new AbortController()
  const lanes = { good: new Set<Promise<void>>(), suspect: new Set<Promise<void>>() }
  const alarm = openAlarm(() => loop.wake())
  const open = (signal: AbortSignal): RegistryContext => ({
    ...resources,
    ...backgroundCall(resources, 'webhooks', signal),
  })

  const run = async (webhook: ClaimedRow) => {
    try {
      const { nextSeconds } = await runLane(open(cut.signal), webhook)
      if (nextSeconds !== null) alarm.set(nextSeconds * 1000)
    } catch (error) {
      if (!cut.signal.aborted) log.error({ task: 'webhooks', error }, 'a lane of deliveries has failed')
    }
  }
  const fill = async (ctx: RegistryContext, name: 'good' | 'suspect', most: number): Promise<boolean> => {
    const limit = Math.min(CLAIM_MAX, most - lanes[name].size)
    if (limit <= 0) return false
    const claimed = await claimLanes(ctx, name === 'suspect', limit)
    for (const webhook of claimed) {
      const lane: Promise<void> = run(webhook).finally(() => {
        lanes[name].delete(lane)
        loop.wake()
      })
      lanes[name].add(lane)
    }
    return claimed.length === limit
  }
  const loop = startLoop({
    name: 'webhooks',
    log,
    busyMs: BUSY_MS,
    idleMs: resources.db.kind === 'pglite' ? IDLE_EMBEDDED_MS : IDLE_MS,
    async turn(signal) {
      const ctx = open(signal)
      const good = await fill(ctx, 'good', GOOD_LANES)
      const suspect = await fill(ctx, 'suspect', SUSPECT_LANES)
      return good || suspect
    },
  })
  return {
    wake: loop.wake,
    async stop() {
      await loop.stop()
      alarm.end()
      const timer = setTimeout(() => cut.abort(new Error('stopping')), STOP_MS)
      await Promise.all([...lanes.good, ...lanes.suspect])
      clearTimeout(timer)
    },
  }
}

/** One timer for the earliest of several moments. */
function openAlarm(ring: () => void) {
  let at = Number.POSITIVE_INFINITY
  let timer: NodeJS.Timeout | undefined
  const end = () => {
    clearTimeout(timer)
    at = Number.POSITIVE_INFINITY
  }
  return {
    set(milliseconds: number) {
      const wanted = performance.now() + milliseconds
      if (wanted >= at) return
      end()
      at = wanted
      timer = setTimeout(() => {
        end()
        ring()
      }, Math.ceil(milliseconds))
      timer.unref()
    },
    end,
  }
}
