/** Deletes a developer's account: nothing personal stays, the id does, because the ledger names it. */
import { principalOf } from '#core/base/caller.ts'
import { emailKey } from '#core/base/email.ts'
import type { RegistryContext } from '../context.ts'
import { deleteRecords } from '../idempotency/queries.ts'
import { forgetMailsTo } from '../mail/forget-mails.ts'
import { forgetWebhooks } from '../webhooks/forget-webhooks.ts'
import { revokeAllCredentials } from './credentials/queries.ts'
import { fail } from './errors.ts'
import { anonymiseInvites } from './invites/queries.ts'
import { anonymiseAccount, dropMailTokens, hasAgents, lockAccount } from './queries.ts'
import { requireDeveloper } from './require-developer.ts'
import { deleteSessions } from './sessions/queries.ts'
import { forgetFailures } from './sessions/throttle-login.ts'
import { revokeAllSigningKeys } from './signing-keys/queries.ts'

/**
 * Ends every session, key, link, signing key and webhook, and forgets address, name and client addresses. The digest for
 * genesis grants stays: a new account of the same address gets no second grant.
 * @throws 409 account_has_agents until all agents are retired, 401 unauthenticated when a rival call was first
 */
export async function deleteMe(ctx: RegistryContext): Promise<void> {
  const { account } = requireDeveloper(ctx)
  await ctx.once(async (tx) => {
    const held = await lockAccount(tx, account)
    if (held?.status !== 'active') throw fail('unauthenticated')
    if (await hasAgents(tx, account))
      throw fail('account_has_agents', 'Retire every agent first; nothing was deleted.')
    const key = emailKey(held.email)
    await deleteSessions(tx, account)
    await revokeAllCredentials(tx, account, ctx.time)
    await revokeAllSigningKeys(tx, account, ctx.time)
    await dropMailTokens(tx, account, null)
    await forgetMailsTo(tx, held.email)
    await forgetWebhooks(tx, account)
    await forgetFailures(tx, held.email)
    await anonymiseInvites(tx, key, ctx.time)
    await deleteRecords(tx, principalOf(ctx.caller) ?? account)
    await anonymiseAccount(tx, account, ctx.time)
    return null
  })
}
