/** Payment tokens: an agent promises an amount to another one, which verifies and redeems it. */
import { IdPath } from '#core/base/shapes.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { cancelToken } from '#core/registry/payments/cancel-token.ts'
import { paymentErrors } from '#core/registry/payments/errors.ts'
import { issueToken } from '#core/registry/payments/issue-token.ts'
import { listPayments } from '#core/registry/payments/list-payments.ts'
import { readPayment } from '#core/registry/payments/read-payment.ts'
import { redeemToken } from '#core/registry/payments/redeem-token.ts'
import {
  CancelledOut,
  IssuedOut,
  IssueIn,
  PaymentOut,
  PaymentsOut,
  PaymentsQuery,
  RedeemedOut,
  RedeemIn,
  VerifyIn,
} from '#core/registry/payments/schema.ts'
import { verifyToken } from '#core/registry/payments/verify-token.ts'
import { tegErrors } from '#core/registry/teg-errors.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post } = rowsOf<RegistryContext>()
const errors = [paymentErrors, tegErrors]

export default defineFunction<RegistryContext>({
  tag: 'payments',
  rows: [
    post(
      '/tokens',
      {
        summary:
          'Issue a payment token to a payee: the amount is held until it is redeemed, cancelled or expired',
        callers: ['developer', 'agent'],
        scope: 'payments:write',
        body: IssueIn,
        reply: IssuedOut,
        status: 201,
        location: (made: IssuedOut) => `/api/v1/payments/tokens/${made.id}`,
        idempotency: 'gate',
        errors,
      },
      ({ ctx, body }) => issueToken(ctx, body),
    ),
    post(
      '/tokens/verify',
      {
        summary: 'Ask, as the payee, whether a token is good now; it changes nothing',
        callers: ['developer', 'agent'],
        scope: 'payments:read',
        body: VerifyIn,
        reply: PaymentOut,
        idempotency: 'none',
        errors,
      },
      ({ ctx, body }) => verifyToken(ctx, body.token),
    ),
    post(
      '/tokens/redeem',
      {
        summary: 'Redeem a token once, as the payee, in whole or in part; the rest goes back to the payer',
        callers: ['developer', 'agent'],
        scope: 'payments:write',
        body: RedeemIn,
        reply: RedeemedOut,
        idempotency: 'gate',
        errors,
      },
      ({ ctx, body }) => redeemToken(ctx, body),
    ),
    get(
      '/tokens',
      {
        summary: 'List payment tokens of your agents, newest first; operators and auditors see all',
        callers: ['developer', 'agent', 'operator', 'auditor'],
        scope: 'payments:read',
        query: PaymentsQuery,
        reply: PaymentsOut,
        errors,
      },
      ({ ctx, query }) => listPayments(ctx, query),
    ),
    get(
      '/tokens/:id',
      {
        summary: 'Read a payment token that one of your agents is a party of',
        callers: ['developer', 'agent', 'operator', 'auditor'],
        scope: 'payments:read',
        params: IdPath,
        reply: PaymentOut,
        errors,
      },
      ({ ctx, params }) => readPayment(ctx, params.id),
    ),
    post(
      '/tokens/:id/cancel',
      {
        summary: 'Cancel an active token, as the payer; cancelling it again changes nothing',
        callers: ['developer', 'agent'],
        scope: 'payments:write',
        params: IdPath,
        reply: CancelledOut,
        idempotency: 'none',
        errors,
      },
      ({ ctx, params }) => cancelToken(ctx, params.id),
    ),
  ],
})
