/** Keys of an agent (nfa_), made, listed and revoked by its owner. */
import { toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import { afterOf, type PageWish } from '../page-wish.ts'
import { requireDeveloper } from '../require-developer.ts'
import { requireSharedLimits } from '../require-shared-limits.ts'
import { requireVerified } from '../require-verified.ts'
import { issueKey, requireCovered, requireFuture } from './issue-key.ts'
import { findAgentOwner, listCredentials, revokeCredential } from './queries.ts'
import { tidyScopes, writeLimits } from './rules.ts'
import type { NewAgentKey } from './schema.ts'
import { showAgentKey } from './show-key.ts'

/**
 * @param ref the agent's id or did
 * @throws 404 agent_not_found, 403 not_owner, 403 email_not_verified, 403 insufficient_scope, 409 agent_not_active
 *   (retired), 409 too_many_keys, 503 overloaded
 */
export async function createAgentKey(ctx: RegistryContext, ref: string, wish: NewAgentKey) {
  const { account } = requireDeveloper(ctx)
  requireVerified(ctx.caller)
  const agent = await ownAgent(ctx, ref)
  if (agent.status === 'retired') throw fail('agent_not_active', 'A retired agent gets no keys.')
  requireCovered(ctx, wish.scopes)
  const expiresAt = requireFuture(ctx, wish.expires_at)
  await requireSharedLimits(ctx)
  return ctx.once(async (tx) => {
    const { row, secret } = await issueKey(tx, ctx, {
      kind: 'agent',
      account,
      agent: agent.id,
      name: wish.name,
      scopes: tidyScopes(wish.scopes),
      roles: [],
      limits: writeLimits(wish.limits),
      expiresAt,
    })
    return { ...showAgentKey(row), secret }
  })
}

/** @throws 404 agent_not_found when there is none or it is somebody else's: its keys are not visible */
export async function listAgentKeys(ctx: RegistryContext, ref: string, page: PageWish) {
  const { account } = requireDeveloper(ctx)
  const agent = await findAgentOwner(ctx.db, ref)
  if (agent?.owner !== account) throw fail('agent_not_found')
  const filters = { list: 'agent-keys', agent: agent.id }
  const of = { account, agent: agent.id }
  const rows = await listCredentials(ctx.db, of, afterOf(page, filters), page.limit + 1, ctx.time)
  return toPage(rows, page.limit, filters, (row) => [row.id], showAgentKey)
}

/** @throws 404 agent_not_found, 403 not_owner, 404 not_found */
export async function revokeAgentKey(ctx: RegistryContext, ref: string, keyId: string): Promise<void> {
  const { account } = requireDeveloper(ctx)
  const agent = await ownAgent(ctx, ref)
  await ctx.once(async (tx) => {
    const of = { account, agent: agent.id }
    if (!(await revokeCredential(tx, keyId, of, ctx.time))) throw fail('not_found')
    return null
  })
}

async function ownAgent(ctx: RegistryContext, ref: string) {
  const agent = await findAgentOwner(ctx.db, ref)
  if (!agent) throw fail('agent_not_found')
  if (agent.owner !== requireDeveloper(ctx).account) throw fail('not_owner')
  return agent
}
