/** Sends mails whose next attempt has come; a new mail is sent at once by a hint, not by this task. */
import type { RegistryContext } from '#core/registry/context.ts'
import { sendDueMails } from '#core/registry/mail/send-due-mails.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 120,
  run: async (ctx) => ({ sent: await sendDueMails(ctx, ctx.signal) }),
})
