/** Shapes of what auditors read. */
import { z } from 'zod'
import { AmountOut, PageOf, PageQuery, TimeOut, Uuid } from '#core/base/shapes.ts'
import { PostingPage, Supply } from '#core/wire/teg.ts'

export const SupplyOut = Supply.meta({ id: 'Supply' })

/** `after` takes a posting's sequence, or a next_cursor as `cursor` does. */
export const LedgerQuery = PageQuery.extend({ after: z.string().max(1024).optional() })
export type LedgerQuery = z.output<typeof LedgerQuery>
export const LedgerOut = PostingPage

export const AuditReport = z
  .strictObject({
    id: Uuid,
    /** inconclusive: the journal had not caught up with the TEG, so nothing was judged. */
    status: z.enum(['ok', 'mismatch', 'inconclusive']),
    actor: z.string(),
    /** The TEG's events up to this number were looked at. */
    number: z.int().min(0),
    checks: z.array(
      z.strictObject({ name: z.string(), expected: z.string(), found: z.string(), ok: z.boolean() }),
    ),
    books: Supply.extend({ treasury: AmountOut, incarnation: z.string() }).nullable(),
    note: z.string().nullable(),
    created_at: TimeOut,
  })
  .meta({ id: 'AuditReport' })
export type AuditReport = z.output<typeof AuditReport>
export const AuditReportPage = PageOf(AuditReport)
