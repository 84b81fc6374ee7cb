/** The ledger's postings in the order of its commits, for auditors: every movement's legs sum to zero. */
import type { z } from 'zod'
import { fail, Problem } from '#core/base/errors.ts'
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
  const asked = ctx.teg.postings(ctx, { limit: query.limit, ...(cursor === undefined ? {} : { cursor }) })
  return query.after === undefined ? asked : asked.catch(blameAfter)
}

/** The TEG knows of a cursor only; whoever has asked by `after` is told of that. */
function blameAfter(error: unknown): never {
  if (!(error instanceof Problem) || error.code !== 'validation_failed') throw error
  const detail = 'must be the sequence of a posting, or a next_cursor'
  throw fail('validation_failed', `?after: ${detail}`, {
    errors: [{ pointer: '?after', code: 'malformed', detail }],
  })
}

const SEQUENCE = /^[0-9]{1,18}$/
