/** Opens a session, and gives the next pair of tokens of one. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../../context.ts'
import { ACCESS_SECONDS, makeSecret, REFRESH_SECONDS, SESSION_SECONDS, sha256Hex } from '../rules.ts'
import type { TokenReply } from '../schema.ts'
import { signAccessToken } from './access-token.ts'
import { insertRefreshToken, insertSession } from './queries.ts'

/** Where a login comes from. */
export interface Origin {
  readonly address: string
  readonly userAgent: string | undefined
}

const USER_AGENT_MAX = 200

/** Opens a session of an account. */
export async function issueSession(
  tx: Transaction,
  ctx: RegistryContext,
  account: string,
  origin: Origin,
): Promise<TokenReply> {
  const id = ctx.newId()
  await insertSession(tx, {
    id,
    account,
    address: origin.address,
    userAgent: origin.userAgent?.slice(0, USER_AGENT_MAX) ?? null,
    seconds: SESSION_SECONDS,
    time: ctx.time,
  })
  return issueTokens(tx, ctx, account, id)
}

/** The next access and refresh token of a session. */
export async function issueTokens(
  tx: Transaction,
  ctx: RegistryContext,
  account: string,
  session: string,
): Promise<TokenReply> {
  const refreshToken = makeSecret('nfr_', ctx.random)
  await insertRefreshToken(tx, {
    hash: sha256Hex(refreshToken),
    session,
    seconds: REFRESH_SECONDS,
    time: ctx.time,
  })
  return {
    access_token: await signAccessToken(ctx, { sub: account, sid: session }),
    token_type: 'Bearer',
    expires_in: ACCESS_SECONDS,
    refresh_token: refreshToken,
  }
}
