/** Audit: the supply for everybody, the ledger's postings for auditors. */
import { IdPath, PageQuery } from '#core/base/shapes.ts'
import { auditSupply } from '#core/registry/audit/audit-supply.ts'
import { listPostings } from '#core/registry/audit/list-postings.ts'
import { listReports } from '#core/registry/audit/list-reports.ts'
import { readReport } from '#core/registry/audit/read-report.ts'
import { readSupply } from '#core/registry/audit/read-supply.ts'
import {
  AuditReport,
  AuditReportPage,
  LedgerOut,
  LedgerQuery,
  SupplyOut,
} from '#core/registry/audit/schema.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { tegErrors } from '#core/registry/teg-errors.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post } = rowsOf<RegistryContext>()

export default defineFunction<RegistryContext>({
  tag: 'audit',
  rows: [
    get(
      '/supply',
      {
        summary: 'Read the supply: issued - destroyed + transit_net = circulating',
        callers: 'public',
        reply: SupplyOut,
        errors: [tegErrors],
      },
      ({ ctx }) => readSupply(ctx),
    ),
    get(
      '/reports',
      {
        summary: "List audits of the TEG's books, newest first",
        callers: ['auditor', 'operator'],
        query: PageQuery,
        reply: AuditReportPage,
      },
      ({ ctx, query }) => listReports(ctx, query),
    ),
    get(
      '/reports/:id',
      {
        summary: 'Read an audit',
        callers: ['auditor', 'operator'],
        params: IdPath,
        reply: AuditReport,
      },
      ({ ctx, params }) => readReport(ctx, params.id),
    ),
    post(
      '/runs',
      {
        summary: "Audit the TEG's books against the journal now",
        callers: ['auditor'],
        reply: AuditReport,
        idempotency: 'record',
        errors: [tegErrors],
      },
      ({ ctx }) => auditSupply(ctx),
    ),
    get(
      '/ledger',
      {
        summary: "List the ledger's postings in the order of its commits",
        callers: ['auditor', 'operator'],
        query: LedgerQuery,
        reply: LedgerOut,
        errors: [tegErrors],
      },
      ({ ctx, query }) => listPostings(ctx, query),
    ),
  ],
})
