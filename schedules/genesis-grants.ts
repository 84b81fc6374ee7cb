/** Pays the grants that are due: those whose first attempt did not come through, or that the day's budget put off. */
import type { RegistryContext } from '#core/registry/context.ts'
import { sweepGrants } from '#core/registry/grants/sweep-grants.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 50,
  run: (ctx) => sweepGrants(ctx),
})
