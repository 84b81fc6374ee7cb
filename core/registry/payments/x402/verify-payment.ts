/** POST /x402/verify: whether a payment is good now; it changes nothing. */
import type { RegistryContext } from '../../context.ts'
import { judgeParties } from '../verify-token.ts'
import { openPayment } from './open-payment.ts'
import { type Fault, judgeState, wordRefusal } from './rules.ts'
import type { FacilitatorIn, VerifyOut } from './schema.ts'

/** @throws 403 audience_mismatch, 503 teg_unavailable */
export async function verifyPayment(ctx: RegistryContext, asked: FacilitatorIn): Promise<VerifyOut> {
  const opened = await openPayment(ctx, asked)
  if (opened.fault) return invalid(opened.fault, opened.payer)
  const payment = await ctx.teg.payment(ctx, opened.claims.jti)
  const inactive = payment?.status === 'active' ? await judgeParties(ctx, payment) : null
  const fault = inactive
    ? wordRefusal({ code: 'agent_not_active', detail: inactive })
    : judgeState(payment?.status ?? null)
  return fault ? invalid(fault, opened.payer) : { isValid: true, payer: opened.payer }
}

const invalid = ({ reason, message }: Fault, payer: string | undefined): VerifyOut => ({
  isValid: false,
  invalidReason: reason,
  invalidMessage: message,
  ...(payer === undefined ? {} : { payer }),
})
