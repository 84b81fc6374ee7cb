/** Makes a key: the secret is given back once, the database keeps its digest. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../../context.ts'
import { fail, invalidField } from '../errors.ts'
import { makeSecret, prefixOf, sha256Hex } from '../rules.ts'
import { type CredentialRow, countCredentials, insertCredential, type KeyKind, lockOwner } from './queries.ts'
import { KEYS_MAX, uncoveredScope } from './rules.ts'
import type { LimitsOut } from './schema.ts'

const prefixes: Record<KeyKind, string> = { developer: 'nfk_', agent: 'nfa_', operator: 'nfo_' }

export interface KeyWish {
  kind: KeyKind
  account: string
  agent: string | null
  name: string
  scopes: readonly string[]
  roles: readonly string[]
  limits: LimitsOut | null
  expiresAt: string | null
}

/** @throws 409 too_many_keys */
export async function issueKey(
  tx: Transaction,
  ctx: RegistryContext,
  wish: KeyWish,
): Promise<{ row: CredentialRow; secret: string }> {
  await lockOwner(tx, wish.account)
  const held = await countCredentials(tx, wish, ctx.time)
  if (held >= KEYS_MAX)
    throw fail('too_many_keys', `At most ${KEYS_MAX} keys; delete one that is not needed.`)
  const secret = makeSecret(prefixes[wish.kind], ctx.random)
  const row = await insertCredential(tx, {
    ...wish,
    id: ctx.newId(),
    hash: sha256Hex(secret),
    prefix: prefixOf(secret),
    time: ctx.time,
  })
  return { row, secret }
}

/** Refuses to pass on what the caller does not have. @throws 403 insufficient_scope */
export function requireCovered(ctx: RegistryContext, scopes: readonly string[]): void {
  const missing = uncoveredScope(ctx.caller, scopes)
  if (missing !== undefined)
    throw fail('insufficient_scope', `The key may not hold ${missing}: your own credential does not have it.`)
}

/** @throws 400 validation_failed at /expires_at when it is not in the future */
export function requireFuture(ctx: RegistryContext, expiresAt: string | undefined): string | null {
  if (expiresAt === undefined) return null
  if (Date.parse(expiresAt) <= ctx.clock.now().getTime())
    throw invalidField('/expires_at', 'not_in_future', 'must be in the future')
  return new Date(expiresAt).toISOString()
}
