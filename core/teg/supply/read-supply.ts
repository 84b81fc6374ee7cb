/** The supply of this TEG: issued - destroyed + transit_net == circulating in every committed snapshot. */
import { formatAmount } from '#core/base/amount.ts'
import type { Supply } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'

/**
 * Never older than the request; one scan of the accounts serves all who ask meanwhile.
 * @throws 503 overloaded
 */
export async function readSupply(ctx: TegContext): Promise<Supply> {
  const row = await ctx.scans.supply(ctx.signal)
  return {
    tokens_issued: formatAmount(BigInt(row.issued)),
    tokens_destroyed: formatAmount(BigInt(row.destroyed)),
    transit_net: formatAmount(BigInt(row.transit)),
    tokens_circulating: formatAmount(BigInt(row.circulating)),
    holds: formatAmount(BigInt(row.holds)),
    as_of: row.as_of.toISOString(),
  }
}
