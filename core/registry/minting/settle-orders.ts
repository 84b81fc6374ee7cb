/** Finishes the record of orders whose process died between the TEG's act and the audit trail. */
import type { RegistryContext } from '../context.ts'
import { deleteOrder, readOrders } from './queries.ts'
import { recordOrder } from './record-order.ts'

/** Longer than a request takes: what is younger is at work. */
const AFTER_SECONDS = 60
/** What the TEG has not done a day later never came there. */
const KEPT_SECONDS = 86_400
const ORDERS_MAX = 500

/**
 * Only asks what has become of an order: one that never came to the TEG is not carried out behind the operator's back.
 * @throws 503 teg_unavailable
 */
export async function settleOrders(ctx: RegistryContext): Promise<{ recorded: number; dropped: number }> {
  const waited = { seconds: AFTER_SECONDS, lateSeconds: KEPT_SECONDS, limit: ORDERS_MAX }
  let recorded = 0
  let dropped = 0
  for (const order of await readOrders(ctx.db, ctx.time, waited)) {
    const { op, key, hash, memo } = order
    const change = await ctx.teg.supplyChange(ctx, { op, key, hash })
    if (change) {
      await recordOrder(ctx, { op, key, hash, memo }, change)
      recorded++
    } else if (order.is_late) {
      await deleteOrder(ctx.db, order.id)
      dropped++
    }
  }
  return { recorded, dropped }
}
