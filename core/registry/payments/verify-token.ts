/**
 * Tells a payee whether a token that it was given is good: signed here, for this payee, not used, cancelled or over, and
 * between two parties that are active.
 */
import type { Payment } from '#core/wire/teg.ts'
import { mayActFor } from '../act-for-agents.ts'
import type { RegistryContext } from '../context.ts'
import { refusal } from '../transfers/errors.ts'
import { type FoundAgent, findAgents } from '../transfers/find-agents.ts'
import { fail } from './errors.ts'
import type { TokenClaims } from './rules.ts'
import { openToken } from './sign-token.ts'

/**
 * 200 means: this caller can redeem it now, in whole. The TEG says so by the gate's own rules.
 * @throws 400 validation_failed for what this registry has not signed; 403 audience_mismatch for everybody but the payee;
 *   409 token_redeemed, token_cancelled, token_expired, agent_not_active (payer or payee); 404 not_found when the TEG does
 *   not know it
 */
export async function verifyToken(ctx: RegistryContext, text: string): Promise<Payment> {
  const claims = await openToken(ctx, text)
  await requireAudience(ctx, claims)
  const found = await ctx.teg.redemption(ctx, claims.jti)
  if (!found) throw fail('not_found', `The ledger knows no payment token ${claims.jti}.`)
  if (found.refusal) throw refusal(found.refusal, false)
  return found.payment
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
