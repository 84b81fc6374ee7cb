/** The public keys under which this registry signs envelopes, hosted cards, access tokens and payment tokens (JWKS). */
import type { JWK } from 'jose'
import { Reply } from '#core/base/reply.ts'
import type { RegistryContext } from '../context.ts'

/** May be kept for five minutes: a new key is published before it signs. */
export function listPublicKeys(ctx: RegistryContext): Reply<{ keys: JWK[] }> {
  const keys = (['registry', 'access', 'token'] as const).flatMap((purpose) => ctx.keys.publicKeys(purpose))
  return new Reply({ keys }, { headers: { 'cache-control': 'public, max-age=300' } })
}
