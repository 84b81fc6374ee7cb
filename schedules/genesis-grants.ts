/** Pays the genesis grants that are due and did not come through at once. */

import type { RegistryContext } from '#core/registry/context.ts'
import { sweepGrants } from '#core/registry/grants/sweep-grants.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 50,
  run: (ctx) => sweepGrants(ctx),
})
