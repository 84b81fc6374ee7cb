/** The ledger's postings in the order of its commits, for auditors: every movement's legs sum to zero. */
import type { z } from 'zod'
import type { PostingPage } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import type { LedgerQuery } from './schema.ts'

export function listPostings(
  ctx: RegistryContext,
  query: LedgerQuery,
): Promise<z.output<typeof PostingPage>> {
  const cursor = query.after ?? query.cursor
  return ctx.teg.postings(ctx, { limit: query.limit, ...(cursor === undefined ? {} : { cursor }) })
}
