/** An account's own keys, made, listed, revoked: a developer's (nfk_) and, where it has a role, an operator's (nfo_). */
import { toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../../context.ts'
import { fail, invalidField } from '../errors.ts'
import { afterOf, type PageWish } from '../page-wish.ts'
import { requireDeveloper } from '../require-developer.ts'
import { requireSharedLimits } from '../require-shared-limits.ts'
import { requireVerified } from '../require-verified.ts'
import { issueKey, requireCovered, requireFuture } from './issue-key.ts'
import { listCredentials, revokeCredential } from './queries.ts'
import { tidyScopes } from './rules.ts'
import type { NewKey } from './schema.ts'
import { showApiKey } from './show-key.ts'

/**
 * An operator's key acts with those of its roles that the account still has. Only a session can ask for one.
 * @throws 400 validation_failed, 403 email_not_verified, 403 insufficient_scope, 409 too_many_keys, 503 overloaded
 */
export async function createApiKey(ctx: RegistryContext, wish: NewKey) {
  const { account, roles } = requireDeveloper(ctx)
  requireVerified(ctx.caller)
  requireCovered(ctx, wish.scopes)
  const kind = wish.kind ?? 'developer'
  if (kind === 'operator') {
    if (roles.length === 0)
      throw fail('insufficient_scope', "An operator's key needs a session of an account with a role.")
    if (wish.scopes.join() !== '*')
      throw invalidField('/scopes', 'operator_scopes', 'must be ["*"] for kind operator: its roles decide')
  }
  const expiresAt = requireFuture(ctx, wish.expires_at)
  await requireSharedLimits(ctx)
  return ctx.once(async (tx) => {
    const { row, secret } = await issueKey(tx, ctx, {
      kind,
      account,
      agent: null,
      name: wish.name,
      scopes: tidyScopes(wish.scopes),
      roles: kind === 'operator' ? roles : [],
      limits: null,
      expiresAt,
    })
    return { ...showApiKey(row), secret }
  })
}

export async function listApiKeys(ctx: RegistryContext, page: PageWish) {
  const { account } = requireDeveloper(ctx)
  const filters = { list: 'api-keys', account }
  const of = { account, agent: null }
  const rows = await listCredentials(ctx.db, of, afterOf(page, filters), page.limit + 1, ctx.time)
  return toPage(rows, page.limit, filters, (row) => [row.id], showApiKey)
}

/** @throws 404 not_found */
export async function revokeApiKey(ctx: RegistryContext, id: string): Promise<void> {
  const { account } = requireDeveloper(ctx)
  await ctx.once(async (tx) => {
    const of = { account, agent: null }
    if (!(await revokeCredential(tx, id, of, ctx.time))) throw fail('not_found')
    return null
  })
}
