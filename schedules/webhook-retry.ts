/** Delivers to webhooks what is due and what nobody has taken up, after a crash too; drops old deliveries. */
import type { RegistryContext } from '#core/registry/context.ts'
import { deliverDue } from '#core/registry/webhooks/deliver-due.ts'
import { tidyWebhooks } from '#core/registry/webhooks/tidy-webhooks.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 110,
  async run(ctx) {
    const tidied = await tidyWebhooks(ctx)
    return { ...(await deliverDue(ctx)), ...tidied }
  },
})
