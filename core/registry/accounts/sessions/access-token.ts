/** Access tokens: JWTs (EdDSA) of 15 minutes, RFC 9068. They name a session or an agent's key, which is looked up at each use. */
import type { RegistryContext } from '../../context.ts'
import type { KeyRing } from '../../keys/key-ring.ts'
import { ACCESS_SECONDS } from '../rules.ts'

/** What a token says: who, and by which session (developers) or key (agents). */
export type AccessClaims =
  | { readonly sub: string; readonly sid: string }
  | { readonly sub: string; readonly client_id: string; readonly scope: string }

/** Another moment than ours is borne for so long. */
const LEEWAY_SECONDS = 5

/** Issuer and audience: this registry. */
const issuerOf = (ctx: RegistryContext): string => ctx.config.PUBLIC_URL.replace(/\/+$/, '')

/** Signs a token. */
export function signAccessToken(ctx: RegistryContext, claims: AccessClaims): Promise<string> {
  const now = Math.floor(ctx.clock.now().getTime() / 1000)
  const payload = {
    iss: issuerOf(ctx),
    aud: issuerOf(ctx),
    ...claims,
    jti: ctx.newId(),
    iat: now,
    exp: now + ACCESS_SECONDS,
  }
  return ctx.keys.sign('access', Buffer.from(JSON.stringify(payload)), { typ: 'at+jwt' })
}

/** Tokens that have been verified here: a signature costs a fifth of a transfer, and a token is used many times. */
const verified = new WeakMap<KeyRing, Map<string, Record<string, unknown>>>()
const VERIFIED_MAX = 4096

/** The claims of a token; null when it is not ours, was made for something else or has expired. */
export async function readAccessToken(ctx: RegistryContext, token: string): Promise<AccessClaims | null> {
  const claims = verifiedOf(ctx.keys).get(token) ?? (await verify(ctx, token))
  if (!claims) return null
  const now = ctx.clock.now().getTime() / 1000
  if (claims.iss !== issuerOf(ctx) || claims.aud !== issuerOf(ctx)) return null
  if (typeof claims.exp !== 'number' || claims.exp <= now) return null
  if (typeof claims.iat !== 'number' || claims.iat > now + LEEWAY_SECONDS) return null
  if (typeof claims.sub !== 'string') return null
  if (typeof claims.sid === 'string') return { sub: claims.sub, sid: claims.sid }
  if (typeof claims.client_id === 'string' && typeof claims.scope === 'string')
    return { sub: claims.sub, client_id: claims.client_id, scope: claims.scope }
  return null
}

function verifiedOf(keys: KeyRing): Map<string, Record<string, unknown>> {
  const known = verified.get(keys) ?? new Map()
  if (known.size === 0) verified.set(keys, known)
  return known
}

async function verify(ctx: RegistryContext, token: string): Promise<Record<string, unknown> | null> {
  if (headerType(token) !== 'at+jwt') return null
  const payload = await ctx.keys.verify('access', token)
  if (!payload) return null
  const claims = JSON.parse(Buffer.from(payload).toString('utf8')) as Record<string, unknown>
  const known = verifiedOf(ctx.keys)
  // The oldest goes: it is the next to expire.
  if (known.size >= VERIFIED_MAX) known.delete(known.keys().next().value as string)
  known.set(token, claims)
  return claims
}

function headerType(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.', 1)[0] ?? '', 'base64url').toString('utf8')).typ
  } catch {
    return null
  }
}
