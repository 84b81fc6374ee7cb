/** A developer's own API keys (nfk_): made, listed, revoked. */
import { toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import { afterOf, type PageWish } from '../page-wish.ts'
import { requireDeveloper } from '../require-developer.ts'
import { requireVerified } from '../require-verified.ts'
import { issueKey, requireCovered, requireFuture } from './issue-key.ts'
import { listCredentials, revokeCredential } from './queries.ts'
import { tidyScopes } from './rules.ts'
import type { NewKey } from './schema.ts'
import { showApiKey } from './show-key.ts'

/** @throws 403 email_not_verified, 403 insufficient_scope, 409 too_many_keys */
export async function createApiKey(ctx: RegistryContext, wish: NewKey) {
  const { account } = requireDeveloper(ctx)
  requireVerified(ctx.caller)
  requireCovered(ctx, wish.scopes)
  const expiresAt = requireFuture(ctx, wish.expires_at)
  return ctx.once(async (tx) => {
    const { row, secret } = await issueKey(tx, ctx, {
      kind: 'developer',
      account,
      agent: null,
      name: wish.name,
      scopes: tidyScopes(wish.scopes),
      roles: [],
      limits: null,
      expiresAt,
    })
    return { ...showApiKey(row), secret }
  })
}

export async function listApiKeys(ctx: RegistryContext, page: PageWish) {
  const { account } = requireDeveloper(ctx)
  const filters = { list: 'api-keys', account }
  const of = { kind: 'developer' as const, account, agent: null }
  const rows = await listCredentials(ctx.db, of, afterOf(page, filters), page.limit + 1, ctx.time)
  return toPage(rows, page.limit, filters, (row) => [row.id], showApiKey)
}

/** @throws 404 not_found */
export async function revokeApiKey(ctx: RegistryContext, id: string): Promise<void> {
  const { account } = requireDeveloper(ctx)
  await ctx.once(async (tx) => {
    const of = { kind: 'developer' as const, account, agent: null }
    if (!(await revokeCredential(tx, id, of, ctx.time))) throw fail('not_found')
    return null
  })
}
