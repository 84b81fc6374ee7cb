/** POST /x402/verify: whether a payment is good now; it changes nothing. */
import type { RegistryContext } from '../../context.ts'
import { openPayment } from './open-payment.ts'
import { type Fault, UNKNOWN_TOKEN, wordRefusal } from './rules.ts'
import type { FacilitatorIn, VerifyOut } from './schema.ts'

/** @throws 403 audience_mismatch, 503 teg_unavailable */
export async function verifyPayment(ctx: RegistryContext, asked: FacilitatorIn): Promise<VerifyOut> {
  const opened = await openPayment(ctx, asked)
  if (opened.fault) return invalid(opened.fault, opened.payer)
  const found = await ctx.teg.redemption(ctx, opened.claims.jti)
  if (!found) return invalid(UNKNOWN_TOKEN, opened.payer)
  // The words of a settlement that would be refused now.
  return found.refusal
    ? invalid(wordRefusal(found.refusal), opened.payer)
    : { isValid: true, payer: opened.payer }
}

const invalid = ({ reason, message }: Fault, payer: string | undefined): VerifyOut => ({
  isValid: false,
  invalidReason: reason,
  invalidMessage: message,
  ...(payer === undefined ? {} : { payer }),
})
