/** A payment token by id. */
import { fail } from '#core/base/errors.ts'
import type { Payment } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { showPayment } from './show-payment.ts'
import { readTokenRow } from './token-queries.ts'

/** @throws 404 not_found */
export async function readPayment(ctx: TegContext, id: string): Promise<Payment> {
  const row = await readTokenRow(ctx.db, id, ctx.time)
  if (!row) throw fail('not_found', 'There is no such token.')
  return showPayment(row)
}
