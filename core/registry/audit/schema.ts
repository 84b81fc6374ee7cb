/** Shapes of what auditors read. */
import { z } from 'zod'
import { PageQuery } from '#core/base/shapes.ts'
import { PostingPage, Supply } from '#core/wire/teg.ts'

export const SupplyOut = Supply.meta({ id: 'Supply' })

/** `after` takes a posting's sequence, or a next_cursor as `cursor` does. */
export const LedgerQuery = PageQuery.extend({ after: z.string().max(1024).optional() })
export type LedgerQuery = z.output<typeof LedgerQuery>
export const LedgerOut = PostingPage
