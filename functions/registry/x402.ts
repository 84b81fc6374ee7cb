/** The x402 v2 facilitator: resource servers of payees verify and settle payment tokens by it. */
import type { RegistryContext } from '#core/registry/context.ts'
import { paymentErrors } from '#core/registry/payments/errors.ts'
import { listSupported } from '#core/registry/payments/x402/list-supported.ts'
import {
  FacilitatorIn,
  SettleOut,
  SupportedOut,
  settleErrors,
  VerifyOut,
  verifyErrors,
} from '#core/registry/payments/x402/schema.ts'
import { settlePayment } from '#core/registry/payments/x402/settle-payment.ts'
import { verifyPayment } from '#core/registry/payments/x402/verify-payment.ts'
import { tegErrors } from '#core/registry/teg-errors.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post } = rowsOf<RegistryContext>()
const callers = ['developer', 'agent'] as const
const errors = [paymentErrors, tegErrors]

export default defineFunction<RegistryContext>({
  tag: 'x402',
  rows: [
    get(
      '/supported',
      {
        summary: 'What this registry settles as an x402 facilitator',
        callers: 'public',
        reply: SupportedOut,
      },
      ({ ctx }) => listSupported(ctx),
    ),
    post(
      '/verify',
      {
        summary: 'Ask, as the payee, whether an x402 payment is good now; it changes nothing',
        callers,
        scope: 'payments:read',
        body: FacilitatorIn,
        reply: VerifyOut,
        idempotency: 'none',
        errors,
        errorStyle: verifyErrors,
      },
      ({ ctx, body }) => verifyPayment(ctx, body),
    ),
    post(
      '/settle',
      {
        summary: "Settle an x402 payment, as the payee; the payload's nonce is the key of a repeat",
        callers,
        scope: 'payments:write',
        body: FacilitatorIn,
        reply: SettleOut,
        idempotency: 'none',
        errors,
        errorStyle: settleErrors,
      },
      ({ ctx, body }) => settlePayment(ctx, body),
    ),
  ],
})
