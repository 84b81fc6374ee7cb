/** An audit as auditors see it. */
import type { ReportRow } from './report-queries.ts'
import type { AuditReport } from './schema.ts'

export const showReport = (row: ReportRow): AuditReport => ({
  id: row.id,
  status: row.status,
  actor: row.actor,
  number: Number(row.number),
  checks: row.checks,
  books: row.books as AuditReport['books'],
  note: row.note,
  created_at: row.made_at.toISOString(),
})
