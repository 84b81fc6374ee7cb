/** Shapes of the ledger's reads that stand in addresses. */
import { z } from 'zod'
import { PageQuery, Timestamp } from '#core/base/shapes.ts'

const Moment = Timestamp.transform((text) => new Date(text))

export const BalanceQuery = z.strictObject({ at: Moment.optional() })
export const StatementQuery = PageQuery.extend({ from: Moment.optional(), to: Moment.optional() })
export const PostingsQuery = PageQuery
export const ExpiredQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,3}$/, 'must be 1 to 1000')
    .transform(Number)
    .refine((value) => value <= 1000, 'must be 1 to 1000')
    .default(500),
})
