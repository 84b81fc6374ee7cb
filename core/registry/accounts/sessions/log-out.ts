/** Ends a session: that of the access token, or that of a refresh token whose access token has expired. */
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import { sha256Hex } from '../rules.ts'
import { findRefreshToken, revokeSession } from './queries.ts'

/** @throws 401 unauthenticated with neither, 403 insufficient_scope for a key: keys have no session */
export async function logOut(ctx: RegistryContext, refreshToken: string | undefined): Promise<void> {
  const { caller } = ctx
  if (caller.kind === 'anonymous' && refreshToken === undefined)
    throw fail('unauthenticated', 'Send the access token as "Authorization: Bearer ...", or a refresh_token.')
  const own = caller.kind === 'developer' ? caller.session : null
  if (refreshToken === undefined && own === null)
    throw fail('insufficient_scope', 'A key has no session; delete the key instead.')
  await ctx.once(async (tx) => {
    if (own !== null) await revokeSession(tx, own, ctx.time)
    if (refreshToken === undefined) return null
    const held = await findRefreshToken(tx, sha256Hex(refreshToken))
    if (held) await revokeSession(tx, held.session, ctx.time)
    return null
  })
}
