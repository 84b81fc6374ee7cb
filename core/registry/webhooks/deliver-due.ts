/** Delivers what is due, lane by lane, until nothing is: what a task or a timer calls where no loop runs. */
import type { RegistryContext } from '../context.ts'
import { type ClaimedRow, claimWebhooks } from './queries.ts'
import { LEASE_SECONDS, runLane } from './run-lane.ts'

/** Lanes of one round, of good endpoints and of those that fail or are slow. */
const GOOD_LANES = 32
const SUSPECT_LANES = 16
/** No lane is begun after so long: each ends by itself well within the time of the task. */
const CLAIM_MS = 60_000

/** Leases webhooks that have something due, for this process. */
export const claimLanes = (ctx: RegistryContext, suspect: boolean, limit: number): Promise<ClaimedRow[]> =>
  ctx.db.transaction((tx) => claimWebhooks(tx, { limit, seconds: LEASE_SECONDS, suspect }, ctx.time))

/** Safe beside others that do the same. */
export async function deliverDue(ctx: RegistryContext): Promise<{ delivered: number; failed: number }> {
  let delivered = 0
  let failed = 0
  const until = performance.now() + CLAIM_MS
  while (performance.now() < until && !ctx.signal.aborted) {
    const good = await claimLanes(ctx, false, GOOD_LANES)
    const suspect = await claimLanes(ctx, true, SUSPECT_LANES)
    const lanes = [...good, ...suspect]
    if (lanes.length === 0) break
    for (const report of await Promise.all(lanes.map((webhook) => runLane(ctx, webhook)))) {
      delivered += report.delivered
      failed += report.failed
    }
  }
  return { delivered, failed }
}
