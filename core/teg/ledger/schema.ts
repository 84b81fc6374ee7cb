/** Shapes of the ledger's reads that stand in addresses. */
import { z } from 'zod'
import { PageQuery, Timestamp } from '#core/base/shapes.ts'

/** PostgreSQL has no year 0: a moment in it is taken for the first one after it, which is as far before all history. */
const OLDEST = Date.parse('0001-01-01T00:00:00Z')
const Moment = Timestamp.transform((text) => Math.max(Date.parse(text), OLDEST)).transform(toDate)

function toDate(milliseconds: number): Date {
  return new Date(milliseconds)
}

export const BalanceQuery = z.strictObject({ at: Moment.optional() })
export const StatementQuery = PageQuery.extend({ from: Moment.optional(), to: Moment.optional() })
export const PostingsQuery = PageQuery
