/** Writes what an order has issued or destroyed into the audit trail, once, under the name of who gave the order first. */
import { principalOf } from '#core/base/caller.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { type OrderName, takeOrder } from './queries.ts'
import type { SupplyChangeOut } from './schema.ts'

/**
 * The act has happened at the TEG: its record has the transfer's id, so that a second one is none. Where the order's rows are
 * gone, the act has been recorded: by a colleague's repeat, or by the sweep.
 */
export async function recordOrder(
  ctx: RegistryContext,
  order: OrderName & { readonly memo: string | null },
  { transfer_id, ...change }: SupplyChangeOut,
): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const first = await takeOrder(tx, order)
    await recordAct(tx, ctx, {
      id: transfer_id,
      act: `supply.${order.op}`,
      object: `transfers/${transfer_id}`,
      before: null,
      after: { ...change, memo: order.memo },
      by: {
        actor: first?.actor ?? principalOf(ctx.caller) ?? 'anonymous',
        requestId: first?.request_id ?? ctx.requestId,
        time: new Date(change.created_at),
      },
    })
  })
}
