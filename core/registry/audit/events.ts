/** What an audit emits; only operators and auditors see it. */
import type { Emission } from '#core/platform/outbox.ts'
import type { AuditReport } from './schema.ts'

export const auditReported = (report: AuditReport): Emission => ({
  type: 'audit.report',
  subject: `audits/${report.id}`,
  data: {
    id: report.id,
    status: report.status,
    number: report.number,
    failed: report.checks.filter(({ ok }) => !ok).map(({ name }) => name),
    created_at: report.created_at,
  },
  audience: [],
})
