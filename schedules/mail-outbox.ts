/** Sends the mails that are due; those just written are sent at once by the process that wrote them. */
import type { RegistryContext } from '#core/registry/context.ts'
import { sendDueMails } from '#core/registry/mail/send-due-mails.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 120,
  run: async (ctx) => ({ sent: await sendDueMails(ctx, ctx.signal) }),
})
