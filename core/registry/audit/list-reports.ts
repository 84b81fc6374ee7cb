/** Audits, the newest first. */
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { listReports as listRows } from './report-queries.ts'
import type { AuditReport } from './schema.ts'
import { showReport } from './show-report.ts'

const POSITION = /^[1-9][0-9]{0,17}$/

export async function listReports(
  ctx: RegistryContext,
  page: { limit: number; cursor?: string | undefined },
): Promise<Page<AuditReport>> {
  const filters = { list: 'audit-reports' }
  const [before] = page.cursor === undefined ? [] : decodeCursor(page.cursor, filters, [POSITION])
  const rows = await listRows(ctx.db, before ?? null, page.limit + 1)
  return toPage(rows, page.limit, filters, (row) => [String(row.position)], showReport)
}
