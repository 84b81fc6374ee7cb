/** Tells the TEG the fee rate that counts, where it has missed a change. */
import type { RegistryContext } from '#core/registry/context.ts'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 30,
  async run(ctx) {
    await postFees(ctx)
    return { posted: 1 }
  },
})
