/** A row of the quarantine as its reply. */
import type { QuarantineRow } from './queries.ts'
import type { QuarantineOut } from './schema.ts'

export const showQuarantine = (row: QuarantineRow): QuarantineOut => ({
  id: row.id,
  spiffe_id: row.spiffe_id,
  reason: row.reason,
  actor: row.actor,
  created_at: row.created_at.toISOString(),
})
