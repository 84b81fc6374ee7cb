/** OAuth 2.0 client credentials (RFC 6749 section 4.4): an agent's key for a token of 15 minutes. */

import { coversScope } from '#core/base/caller.ts'
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import { ACCESS_SECONDS, sha256Hex } from '../rules.ts'
import { signAccessToken } from '../sessions/access-token.ts'
import { findKeyCallers, touchCredential } from './queries.ts'
import { LAST_USED_SECONDS } from './rules.ts'

interface TokenWish {
  grant_type: string
  client_id?: string | undefined
  client_secret?: string | undefined
  scope?: string | undefined
}

/**
 * @param authorization the Authorization header, where a client sends its credentials as HTTP Basic
 * @throws 401 unauthenticated (invalid_client), 400 validation_failed (invalid_request, unsupported_grant_type, invalid_scope)
 */
export async function grantToken(ctx: RegistryContext, wish: TokenWish, authorization: string | undefined) {
  if (wish.grant_type !== 'client_credentials')
    throw refuse('unsupported_grant_type', 'grant_type must be client_credentials.')
  const client = clientOf(wish, authorization)
  const [row] = await findKeyCallers(ctx.db, [sha256Hex(client.secret)], ctx.time, LAST_USED_SECONDS)
  if (row?.kind !== 'agent' || row.id !== client.id || row.did === null) throw invalidClient()
  const scopes = wish.scope?.split(' ').filter((scope) => scope !== '') ?? []
  const missing = scopes.find((scope) => !coversScope(row.scopes, scope))
  if (missing !== undefined) throw refuse('invalid_scope', `The key does not have the scope ${missing}.`)
  const scope = (scopes.length > 0 ? scopes : row.scopes).join(' ')
  if (row.stale) await touchCredential(ctx.db, row.id, ctx.time, LAST_USED_SECONDS)
  return {
    access_token: await signAccessToken(ctx, { sub: row.did, client_id: row.id, scope }),
    token_type: 'Bearer' as const,
    expires_in: ACCESS_SECONDS,
    scope,
  }
}

/** Id and secret from HTTP Basic (each form-encoded, section 2.3.1) or from the body, not from both. */
function clientOf(wish: TokenWish, authorization: string | undefined): { id: string; secret: string } {
  const basic = /^Basic +([A-Za-z0-9+/_-]+=*)$/i.exec(authorization ?? '')?.[1]
  if (basic === undefined) {
    if (wish.client_id === undefined || wish.client_secret === undefined) throw invalidClient()
    return { id: wish.client_id, secret: wish.client_secret }
  }
  const text = Buffer.from(basic, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) throw invalidClient()
  const id = formDecode(text.slice(0, colon))
  if (wish.client_secret !== undefined || (wish.client_id !== undefined && wish.client_id !== id))
    throw refuse('invalid_request', 'Send the client credentials once: as HTTP Basic or in the body.')
  return { id, secret: formDecode(text.slice(colon + 1)) }
}

function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidClient()
  }
}

const invalidClient = () =>
  fail(
    'unauthenticated',
    'client_id must be the id of an agent key and client_secret the key (nfa_) itself.',
    {
      headers: { 'www-authenticate': 'Basic realm="ninefold", charset="UTF-8"' },
    },
  )

const refuse = (code: 'unsupported_grant_type' | 'invalid_scope' | 'invalid_request', words: string) =>
  fail('validation_failed', words, { extra: { oauth_error: code } })
