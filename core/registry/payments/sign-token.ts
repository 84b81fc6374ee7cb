/** Signs the text of a payment token, and reads one back. The text is never stored: it follows from the gate's row. */
import type { Payment } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import {
  claimsOf,
  isTokenJws,
  jwsOf,
  readClaims,
  TOKEN_TYPE,
  type TokenClaims,
  toText,
  writeClaims,
} from './rules.ts'

/** The token of a payment; the same text each time, until the key changes. */
export async function signToken(
  ctx: Pick<RegistryContext, 'keys' | 'config'>,
  payment: Payment,
): Promise<string> {
  const claims = claimsOf(payment, ctx.config.PUBLIC_URL.replace(/\/+$/, ''))
  return toText(await ctx.keys.sign('token', writeClaims(claims), { typ: TOKEN_TYPE }))
}

/**
 * The claims of a token that this registry has signed.
 * @throws 400 validation_failed at /token for every other text
 */
export async function openToken(ctx: Pick<RegistryContext, 'keys'>, text: string): Promise<TokenClaims> {
  const claims = await tryToken(ctx, text)
  if (claims) return claims
  const detail = 'is no payment token that this registry has signed'
  throw fail('validation_failed', `/token: ${detail}`, {
    errors: [{ pointer: '/token', code: 'unknown_token', detail }],
  })
}

/** The same; null for every other text. */
export async function tryToken(
  ctx: Pick<RegistryContext, 'keys'>,
  text: string,
): Promise<TokenClaims | null> {
  const jws = jwsOf(text)
  const payload = isTokenJws(jws) ? await ctx.keys.verify('token', jws) : null
  return payload === null ? null : readClaims(payload)
}
