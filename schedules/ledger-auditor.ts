/** The nightly audit of the event ledger: the EventStore recomputes its log from its entries. A fault fails the run. */
import type { RegistryContext } from '#core/registry/context.ts'
import { auditLedger } from '#core/registry/forward/audit-ledger.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 600,
  run: (ctx) => auditLedger(ctx),
})
