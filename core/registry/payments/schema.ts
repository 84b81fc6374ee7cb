/** Shapes of payment tokens. */
import { z } from 'zod'
import { AgentRef, AmountIn, AmountOut, PageOf, PageQuery } from '#core/base/shapes.ts'
import { Payment, Transfer } from '#core/wire/teg.ts'

/** The longest life of a token, in seconds: a day. */
export const EXPIRES_IN_MAX = 86_400
/** `apt_` and a compact JWS; whether it was signed here is told by its signature. */
export const TOKEN_PATTERN = /^apt_[A-Za-z0-9_-]{1,6000}\.[A-Za-z0-9_-]{1,6000}\.[A-Za-z0-9_-]{1,200}$/

export const IssueIn = z.strictObject({
  payer_agent: AgentRef,
  payee_agent: AgentRef,
  /** The range (0.0001 to 9007199254.740991) is judged by the gate, as 422. */
  amount: AmountIn,
  /** Seconds; the range (1 to 86400) is judged later, as 422 out_of_bounds. */
  expires_in: z.int().meta({ description: 'Seconds from now, 1 to 86400' }),
  /** What is paid for, such as the id of an A2A task. */
  task_ref: z.string().max(200).nullish(),
})
export type IssueIn = z.output<typeof IssueIn>

export const TokenText = z
  .string()
  .regex(TOKEN_PATTERN, 'must be a payment token, apt_...')
  .meta({ description: 'apt_ and a compact JWS (EdDSA; kid in /.well-known/jwks.json)' })

export const PaymentOut = Payment.meta({ id: 'PaymentToken' })
export type PaymentOut = z.output<typeof PaymentOut>
/** Absent only in a repeat of a call that is older than the field. */
const balance_after = AmountOut.optional().meta({
  description: 'What the agent that acts has available after it, in this reply only',
})
/** The only reply that holds the token itself. */
export const IssuedOut = Payment.extend({ token: TokenText, balance_after }).meta({
  id: 'IssuedPaymentToken',
})
export type IssuedOut = z.output<typeof IssuedOut>
export const RedeemedOut = Payment.extend({
  transfer: Transfer.omit({ balance_after: true }).meta({ description: 'The transfer that paid it' }),
  balance_after,
}).meta({ id: 'RedeemedPaymentToken' })
export type RedeemedOut = z.output<typeof RedeemedOut>
export const CancelledOut = Payment.extend({ balance_after }).meta({ id: 'CancelledPaymentToken' })
export type CancelledOut = z.output<typeof CancelledOut>

export const VerifyIn = z.strictObject({ token: TokenText })
export type VerifyIn = z.output<typeof VerifyIn>
/** Without amount: the whole token; the rest of a part goes back to the payer. */
export const RedeemIn = z.strictObject({ token: TokenText, amount: AmountIn.nullish() })
export type RedeemIn = z.output<typeof RedeemIn>

export const PaymentsQuery = PageQuery.extend({
  agent: AgentRef.optional(),
  status: z.enum(['active', 'redeemed', 'cancelled', 'expired']).optional(),
})
export type PaymentsQuery = z.output<typeof PaymentsQuery>
export const PaymentsOut = PageOf(PaymentOut)
