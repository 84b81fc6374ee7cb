/** Payment tokens that some agents issued or may redeem, or all, newest first. */
import type { z } from 'zod'
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { Payment, PaymentSearch } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { showPayment } from './show-payment.ts'
import { searchTokenRows } from './token-queries.ts'

const states = { active: 1, redeemed: 2, cancelled: 3, expired: 4 } as const

export async function searchPayments(
  ctx: TegContext,
  search: z.output<typeof PaymentSearch>,
): Promise<Page<Payment>> {
  const { agents, status, limit, cursor } = search
  // Not the agents: a developer's list grows between two pages. The registry binds its cursor to the named agent.
  const [text] = cursor === null ? [] : decodeCursor(cursor, { status }, [/^\d{1,18}$/])
  const before = text === undefined ? null : BigInt(text)
  const asked = { agents, status: status && states[status], before, time: ctx.time }
  const rows = await searchTokenRows(ctx.db, asked, limit + 1)
  return toPage(rows, limit, { status }, (row) => [row.seq.toString()], showPayment)
}
