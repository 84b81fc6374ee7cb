/** POST /x402/settle: redeems the token of a payment in whole; the nonce is the key. */
import { Reply } from '#core/base/reply.ts'
import type { RegistryContext } from '../../context.ts'
import { postRedemption } from '../redeem-token.ts'
import { openPayment } from './open-payment.ts'
import { type Fault, networkOf, wordRefusal } from './rules.ts'
import type { FacilitatorIn, SettleOut } from './schema.ts'

/**
 * A payment that is sent again, by the same payee with the same nonce, gets its first answer.
 * @returns success with the transfer's id, or x402's word for why nothing was settled
 * @throws 403 audience_mismatch, 503 teg_unavailable, 504 outcome_unknown (send it again)
 */
export async function settlePayment(ctx: RegistryContext, asked: FacilitatorIn): Promise<Reply<SettleOut>> {
  const network = networkOf(ctx.config.REGISTRY_NAME)
  const opened = await openPayment(ctx, asked)
  if (opened.fault) return new Reply(failed(opened.fault, network, opened.payer))
  const { payer, payee, nonce, claims } = opened
  const outcome = await postRedemption(ctx, payee, nonce, claims.jti, null)
  const { replayed } = outcome
  if (outcome.error) return new Reply(failed(wordRefusal(outcome.error), network, payer), { replayed })
  if (!outcome.transfer) throw new Error('the TEG gave no transfer')
  const transaction = outcome.transfer.id
  return new Reply({ success: true, payer, transaction, network, amount: opened.value }, { replayed })
}

const failed = ({ reason, message }: Fault, network: string, payer: string | undefined): SettleOut => ({
  success: false,
  errorReason: reason,
  errorMessage: message,
  ...(payer === undefined ? {} : { payer }),
  transaction: '',
  network,
})
