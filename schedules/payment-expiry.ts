/** A2A Payment Expiry: voids payment tokens whose time is over, so that their holds go back to the payers. */
import type { RegistryContext } from '#core/registry/context.ts'
import { expirePayments } from '#core/registry/payments/expire-payments.ts'
import { defineSchedule } from '#core/runtime/define-schedule.ts'

export default defineSchedule<RegistryContext>({
  timeoutSeconds: 50,
  run: (ctx) => expirePayments(ctx),
})
