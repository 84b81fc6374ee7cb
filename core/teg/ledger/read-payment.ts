/** A payment token by id, alone or with what stands against redeeming it now. */
import { fail } from '#core/base/errors.ts'
import type { Payment, Redemption } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { showPayment } from './show-payment.ts'
import { readRedemptionRow, readTokenRow } from './token-queries.ts'

/** @throws 404 not_found */
export async function readPayment(ctx: TegContext, id: string): Promise<Payment> {
  const row = await readTokenRow(ctx.db, id, ctx.time)
  if (!row) throw fail('not_found', 'There is no such token.')
  return showPayment(row)
}

/** The gate's own rules over what is committed: whoever reads `refusal` null can redeem it while nothing changes. @throws 404 not_found */
export async function readRedemption(ctx: TegContext, id: string): Promise<Redemption> {
  const row = await readRedemptionRow(ctx.db, id, ctx.time)
  if (!row) throw fail('not_found', 'There is no such token.')
  const [code, detail] = row.verdict ?? []
  return {
    payment: showPayment(row),
    refusal: code === undefined || detail === undefined ? null : { code, detail },
  }
}
