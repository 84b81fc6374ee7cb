/** Keys of operators and auditors (nfo_): they act with those of their roles that their account still has. */
import { toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../../context.ts'
import { fail, invalidField } from '../errors.ts'
import { afterOf, type PageWish } from '../page-wish.ts'
import { findAccount } from '../queries.ts'
import { issueKey, requireFuture } from './issue-key.ts'
import { listCredentials, revokeCredential } from './queries.ts'
import type { NewOperatorKey } from './schema.ts'
import { showOperatorKey } from './show-key.ts'

/**
 * Makes a key for an account, with roles that it has. For rows that let operators in.
 * @throws 404 not_found, 400 validation_failed at /roles, 409 too_many_keys
 */
export async function createOperatorKey(ctx: RegistryContext, account: string, wish: NewOperatorKey) {
  const expiresAt = requireFuture(ctx, wish.expires_at)
  return ctx.once(async (tx) => {
    const holder = await findAccount(tx, account)
    if (holder?.status !== 'active') throw fail('not_found')
    const missing = wish.roles.find((role) => !holder.roles.includes(role))
    if (missing)
      throw invalidField('/roles', 'role_not_held', `the account does not have the role ${missing}`)
    const { row, secret } = await issueKey(tx, ctx, {
      kind: 'operator',
      account,
      agent: null,
      name: wish.name,
      scopes: ['*'],
      roles: [...new Set(wish.roles)],
      limits: null,
      expiresAt,
    })
    return { ...showOperatorKey(row), secret }
  })
}

/** The keys of all operators, newest first; the preset key is not among them. */
export async function listOperatorKeys(ctx: RegistryContext, page: PageWish) {
  const filters = { list: 'operator-keys' }
  const of = { kind: 'operator' as const, account: null, agent: null }
  const rows = await listCredentials(ctx.db, of, afterOf(page, filters), page.limit + 1, ctx.time)
  return toPage(rows, page.limit, filters, (row) => [row.id], showOperatorKey)
}

/** @throws 404 not_found */
export async function revokeOperatorKey(ctx: RegistryContext, id: string): Promise<void> {
  await ctx.once(async (tx) => {
    const of = { kind: 'operator' as const, account: null, agent: null }
    if (!(await revokeCredential(tx, id, of, ctx.time))) throw fail('not_found')
    return null
  })
}
