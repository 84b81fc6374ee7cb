/** Shapes of the ledger's reads that stand in addresses. */
import { z } from 'zod'
import { PageQuery, Timestamp } from '#core/base/shapes.ts'

/** The year 0 is none of PostgreSQL's; nothing is that old. */
const OLDEST = new Date('0001-01-01T00:00:00Z')
const Moment = Timestamp.transform((text) => new Date(Math.max(Date.parse(text), OLDEST.getTime())))

export const BalanceQuery = z.strictObject({ at: Moment.optional() })
export const StatementQuery = PageQuery.extend({ from: Moment.optional(), to: Moment.optional() })
export const PostingsQuery = PageQuery
