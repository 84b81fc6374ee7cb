/** The public keys that a developer signs cards with: enrolled, listed, revoked. */
import { toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../../context.ts'
import { lockOwner } from '../credentials/queries.ts'
import { fail, invalidFields } from '../errors.ts'
import { afterOf, type PageWish } from '../page-wish.ts'
import { requireDeveloper } from '../require-developer.ts'
import { requireVerified } from '../require-verified.ts'
import {
  countSigningKeys,
  insertSigningKey,
  listSigningKeys as listRows,
  revokeSigningKey as revokeRow,
  type SigningKeyRow,
} from './queries.ts'
import { judgeJwk, SIGNING_KEYS_MAX } from './rules.ts'
import type { Enrolment } from './schema.ts'

/**
 * @throws 400 validation_failed with a pointer into /jwk, 403 email_not_verified, 409 kid_taken, 409 too_many_keys
 */
export async function enrolSigningKey(ctx: RegistryContext, wish: Enrolment) {
  const { account } = requireDeveloper(ctx)
  requireVerified(ctx.caller)
  const jwk = judgeJwk(wish.jwk)
  if (Array.isArray(jwk)) throw invalidFields(jwk)
  return ctx.once(async (tx) => {
    await lockOwner(tx, account)
    if ((await countSigningKeys(tx, account)) >= SIGNING_KEYS_MAX)
      throw fail('too_many_keys', `At most ${SIGNING_KEYS_MAX} signing keys; delete one that is not needed.`)
    const row = await insertSigningKey(tx, {
      id: ctx.newId(),
      account,
      kid: jwk.kid,
      name: wish.name ?? null,
      jwk,
      time: ctx.time,
    })
    if (!row) throw fail('kid_taken', 'Give the new key another kid, or delete the former one first.')
    return showSigningKey(row)
  })
}

export async function listSigningKeys(ctx: RegistryContext, page: PageWish) {
  const { account } = requireDeveloper(ctx)
  const filters = { list: 'signing-keys', account }
  const rows = await listRows(ctx.db, account, afterOf(page, filters), page.limit + 1)
  return toPage(rows, page.limit, filters, (row) => [row.id], showSigningKey)
}

/** @throws 404 not_found */
export async function revokeSigningKey(ctx: RegistryContext, id: string): Promise<void> {
  const { account } = requireDeveloper(ctx)
  await ctx.once(async (tx) => {
    if (!(await revokeRow(tx, account, id, ctx.time))) throw fail('not_found')
    return null
  })
}

const showSigningKey = (row: SigningKeyRow) => ({
  id: row.id,
  kid: row.kid,
  name: row.name,
  jwk: row.jwk,
  created_at: row.created_at.toISOString(),
})
