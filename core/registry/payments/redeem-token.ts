/** Redeems a payment token, in whole or in part: the payee acts, once; what is left goes back to the payer. */
import { formatAmount } from '#core/base/amount.ts'
import { Reply } from '#core/base/reply.ts'
import type { Outcome } from '#core/wire/teg.ts'
import { hashCommand, runBehind } from '../act-for-agents.ts'
import type { RegistryContext } from '../context.ts'
import { refusal } from '../transfers/errors.ts'
import type { FoundAgent } from '../transfers/find-agents.ts'
import { balanceAfter } from './rules.ts'
import type { RedeemedOut, RedeemIn } from './schema.ts'
import { openToken } from './sign-token.ts'
import { requireAudience } from './verify-token.ts'

/**
 * State and expiry are judged by the gate, behind the key's probe: a repeat gets the first answer, also when the token
 * has expired since.
 * @throws 400 validation_failed, 403 audience_mismatch (before the gate: the key stays free); the gate's refusals:
 *   409 token_redeemed, token_cancelled, token_expired, agent_not_active, 422 amount_out_of_range
 */
export async function redeemToken(ctx: RegistryContext, asked: RedeemIn): Promise<Reply<RedeemedOut>> {
  const claims = await openToken(ctx, asked.token)
  const payee = await requireAudience(ctx, claims)
  const amount = asked.amount == null ? null : formatAmount(asked.amount)
  const outcome = await postRedemption(ctx, payee, ctx.idempotencyKey ?? '', claims.jti, amount)
  return new Reply(redeemed(outcome), { replayed: outcome.replayed })
}

/** Sends the redemption through the gate. The text of the token stays here. */
export async function postRedemption(
  ctx: RegistryContext,
  payee: FoundAgent,
  key: string,
  token_id: string,
  amount: string | null,
): Promise<Outcome> {
  const hash = hashCommand('redeem_token', { token_id, amount })
  const [outcome] = await runBehind(
    ctx,
    [payee],
    [{ op: 'redeem_token', key, hash, payee_agent: payee.id, token_id, amount, memo: null }],
  )
  if (!outcome) throw new Error('the TEG gave no outcome')
  return outcome
}

/** The reply of an accepted redemption. @throws the gate's refusal */
function redeemed(outcome: Outcome): RedeemedOut {
  const { ok, error, payment, transfer, replayed } = outcome
  if (error) throw refusal(error, replayed)
  if (!ok || !payment || !transfer) throw new Error('the TEG gave no token or no transfer')
  const { balance_after: _payers, ...shown } = transfer
  return { ...payment, transfer: shown, ...balanceAfter(outcome) }
}
