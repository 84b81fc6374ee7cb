/** Drops what has expired: tokens, sessions, failures of logins, recorded replies, mails long sent. */
import { sweepExpired } from '#core/registry/accounts/sweep-expired.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 300,
  run: (ctx) => sweepExpired(ctx, ctx.signal),
})
