/** Exchanges a refresh token for the next pair; a token that comes back ends its whole family. */
import { Problem } from '#core/base/errors.ts'
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import { sha256Hex } from '../rules.ts'
import type { TokenReply } from '../schema.ts'
import { issueTokens } from './issue-session.ts'
import { findRefreshToken, revokeSession, takeRefreshToken, touchSession } from './queries.ts'

/**
 * The next pair of tokens. Of two requests with one token at most one gets a pair, and the other one ends the session
 * (RFC 9700, section 4.14): nobody can tell which of the two is the thief. A client that lost a reply repeats with the
 * same Idempotency-Key.
 * @throws 401 unauthenticated
 */
export async function refreshSession(ctx: RegistryContext, refreshToken: string): Promise<TokenReply> {
  const hash = sha256Hex(refreshToken)
  try {
    return await ctx.once(async (tx) => {
      const session = await takeRefreshToken(tx, hash, ctx.time)
      const account = session && (await touchSession(tx, session, ctx.time))
      if (!account) throw refused()
      return issueTokens(tx, ctx, account, session)
    })
  } catch (error) {
    if (error instanceof Problem && error.code === 'unauthenticated') await endReused(ctx, hash)
    throw error
  }
}

async function endReused(ctx: RegistryContext, hash: string): Promise<void> {
  const known = await findRefreshToken(ctx.db, hash)
  if (known?.used) await ctx.db.transaction((tx) => revokeSession(tx, known.session, ctx.time))
}

const refused = () => fail('unauthenticated', 'The refresh token is unknown, used, expired or revoked.')
