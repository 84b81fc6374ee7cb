/** The ledger's postings in the order of its commits, for auditors: every movement's legs sum to zero. */
import type { z } from 'zod'
import { encodeCursor } from '#core/base/page.ts'
import type { PostingPage } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import type { LedgerQuery } from './schema.ts'

/** The names of the two ways on: `after` takes a posting's sequence or a next_cursor, `cursor` a next_cursor. */
export function listPostings(
  ctx: RegistryContext,
  query: LedgerQuery,
): Promise<z.output<typeof PostingPage>> {
  const after = query.after ?? query.cursor
  const cursor = after !== undefined && SEQUENCE.test(after) ? encodeCursor([after], {}) : after
  return ctx.teg.postings(ctx, { limit: query.limit, ...(cursor === undefined ? {} : { cursor }) })
}

const SEQUENCE = /^[0-9]{1,18}$/
