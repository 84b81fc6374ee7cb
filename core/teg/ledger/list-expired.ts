/** Payment tokens that are to be voided: what the expiry task sends through the gate, one command each. */
import type { z } from 'zod'
import type { ExpiredPayments } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readDueTokens } from './token-queries.ts'

export async function listExpired(ctx: TegContext, limit: number): Promise<z.output<typeof ExpiredPayments>> {
  return { items: await readDueTokens(ctx.db, limit, ctx.time) }
}
