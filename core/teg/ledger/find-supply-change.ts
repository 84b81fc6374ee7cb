/** What has become of an order to mint or burn: asks for its key and does nothing, whatever the answer. */
import { formatAmount } from '#core/base/amount.ts'
import type { SupplyChangeFound, SupplyChangeSearch } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { digestKeyOf } from './digest-key.ts'
import { hashOf } from './encode-commands.ts'
import { readKeysByTime } from './queries.ts'
import { readSupplyChange } from './supply-change-queries.ts'

/** Null: it was refused, or never came. */
export async function findSupplyChange(
  ctx: TegContext,
  { op, key, hash }: SupplyChangeSearch,
): Promise<SupplyChangeFound> {
  const digest = digestKeyOf(await readKeysByTime(ctx.db))
  const row = await readSupplyChange(ctx.db, digest(`system:${op}`, key), hashOf(hash))
  if (!row) return { supply_change: null }
  const { id: transfer_id, agent, amount, created_at } = row
  return {
    supply_change: {
      transfer_id,
      agent,
      amount: formatAmount(amount),
      created_at: created_at.toISOString(),
    },
  }
}
