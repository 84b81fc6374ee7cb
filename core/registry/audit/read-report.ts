/** One audit. */
import { fail } from '#core/base/errors.ts'
import type { RegistryContext } from '../context.ts'
import { findReport } from './report-queries.ts'
import type { AuditReport } from './schema.ts'
import { showReport } from './show-report.ts'

/** @throws 404 not_found */
export async function readReport(ctx: RegistryContext, id: string): Promise<AuditReport> {
  const row = await findReport(ctx.db, id)
  if (!row) throw fail('not_found')
  return showReport(row)
}
