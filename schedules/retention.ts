/** Drops what has expired: mailed links, sessions, failed logins, ended mails, recorded replies. */
import { sweepExpired } from '#core/registry/accounts/sweep-expired.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 300,
  run: (ctx) => sweepExpired(ctx, ctx.signal),
})
