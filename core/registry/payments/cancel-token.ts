/** Cancels an active payment token: the payer gets the hold back. */
import { Reply } from '#core/base/reply.ts'
import { mayActFor, runBehind } from '../act-for-agents.ts'
import type { RegistryContext } from '../context.ts'
import { refusal } from '../transfers/errors.ts'
import { fail } from './errors.ts'
import { balanceAfter } from './rules.ts'
import type { CancelledOut } from './schema.ts'
import { seePayment } from './see-payment.ts'

/**
 * The token is its own key: one that is cancelled already is answered as it is.
 * @throws 404 not_found; 403 not_owner for those who see it but are not its payer; 409 token_redeemed, token_expired
 */
export async function cancelToken(ctx: RegistryContext, id: string): Promise<Reply<CancelledOut>> {
  const { payer } = await seePayment(ctx, id)
  if (!payer || !mayActFor(ctx.caller, payer))
    throw fail('not_owner', 'Only the payer of a payment token may cancel it.')
  const [outcome] = await runBehind(
    ctx,
    [payer],
    [{ op: 'cancel_token', payer_agent: payer.id, token_id: id }],
  )
  if (outcome?.error) throw refusal(outcome.error, outcome.replayed)
  if (!outcome?.payment) throw new Error('the TEG gave no token')
  return new Reply({ ...outcome.payment, ...balanceAfter(outcome) }, { replayed: outcome.replayed })
}
