/** Verifies the supply: the TEG's books against what the journal tells of them. A mismatch fails the run. */
import { auditSupply } from '#core/registry/audit/audit-supply.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 300,
  async run(ctx) {
    const { id, status, number, checks } = await auditSupply(ctx)
    const failed = checks.filter(({ ok }) => !ok).map(({ name }) => name)
    if (status === 'mismatch') throw new Error(`report ${id}: ${failed.join(', ')}`)
    return { number, checks: checks.length, inconclusive: status === 'inconclusive' ? 1 : 0 }
  },
})
