/** The treasury: its balance and the fees collected. */
import { formatAmount } from '#core/base/amount.ts'
import type { Treasury } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readTreasuryRow } from './queries.ts'

export async function readTreasury(ctx: TegContext): Promise<Treasury> {
  const row = await readTreasuryRow(ctx.db, ctx.time)
  return {
    balance: formatAmount(BigInt(row.balance)),
    fees_collected: formatAmount(BigInt(row.fees)),
    as_of: row.as_of.toISOString(),
  }
}
