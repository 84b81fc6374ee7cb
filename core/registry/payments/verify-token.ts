/** Tells a payee whether a token that it was given is good: signed here, for this payee, and not used, cancelled or over. */
import type { Payment } from '#core/wire/teg.ts'
import { mayActFor } from '../act-for-agents.ts'
import type { RegistryContext } from '../context.ts'
import { type FoundAgent, findAgents } from '../transfers/find-agents.ts'
import { findInactive } from '../transfers/find-inactive.ts'
import { fail } from './errors.ts'
import { deadCode, type TokenClaims } from './rules.ts'
import { openToken } from './sign-token.ts'

/**
 * 200 means: this caller can redeem it now, in whole.
 * @throws 400 validation_failed for what this registry has not signed; 403 audience_mismatch for everybody but the payee;
 *   409 token_redeemed, token_cancelled, token_expired, agent_not_active; 404 not_found when the TEG does not know it
 */
export async function verifyToken(ctx: RegistryContext, text: string): Promise<Payment> {
  const claims = await openToken(ctx, text)
  await requireAudience(ctx, claims)
  const payment = await liveToken(ctx, claims)
  const inactive = await judgeParties(ctx, payment)
  if (inactive) throw fail('agent_not_active', inactive)
  return payment
}

/** The party that is suspended or retired, in the gate's words: it would refuse the redemption. Null when both are active. */
export async function judgeParties(ctx: RegistryContext, payment: Payment): Promise<string | null> {
  const inactive = await findInactive(ctx, [payment.payer_agent, payment.payee_agent])
  if (inactive === null) return null
  return `The ${inactive === payment.payer_agent ? 'payer' : 'payee'} is not active.`
}

/** The payee that the token names, when the caller may act for it. @throws 403 audience_mismatch */
export async function requireAudience(ctx: RegistryContext, claims: TokenClaims): Promise<FoundAgent> {
  const payee = (await findAgents(ctx, [claims.aud])).get(claims.aud)
  if (payee && mayActFor(ctx.caller, payee)) return payee
  throw fail(
    'audience_mismatch',
    `The token was issued for ${claims.aud}; your credential stands for another.`,
  )
}

/** The token as the TEG has it. @throws 409 for one that can't be redeemed any more, 404 not_found */
export async function liveToken(ctx: RegistryContext, claims: TokenClaims): Promise<Payment> {
  const payment = await ctx.teg.payment(ctx, claims.jti)
  if (!payment) throw fail('not_found', `The ledger knows no payment token ${claims.jti}.`)
  const code = deadCode(payment.status)
  if (code) throw fail(code, `The payment token ${payment.id} is ${payment.status}.`)
  return payment
}
