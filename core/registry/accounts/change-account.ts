/** Roles and suspension of an account, set by an operator. */
import { principalOf, type Role } from '#core/base/caller.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { type AccountChange, emitAccountChanged } from './events.ts'
import { type AccountRow, dropMailTokens, lockAccount, updateAccount } from './queries.ts'
import type { Account } from './schema.ts'
import { revokeSessions } from './sessions/queries.ts'
import { showAccount } from './show-account.ts'

export interface AccountPatch {
  roles?: readonly Role[] | undefined
  status?: 'active' | 'suspended' | undefined
}

/**
 * Suspension ends all sessions and mailed links at once and for good; keys sleep until the account is active again.
 * Only the account itself and operators see the event.
 * @throws 404 not_found when there is no such account or it is deleted
 */
export async function changeAccount(ctx: RegistryContext, id: string, patch: AccountPatch): Promise<Account> {
  const account = await ctx.once(async (tx) => {
    const held = await lockAccount(tx, id)
    if (!held || held.status === 'deleted') throw fail('not_found')
    const changes = findChanges(held, patch)
    const row = await updateAccount(
      tx,
      id,
      {
        ...(changes.roles ? { roles: changes.roles.new } : {}),
        ...(changes.status ? { status: changes.status.new } : {}),
      },
      ctx.time,
    )
    if (changes.status?.new === 'suspended') {
      await revokeSessions(tx, id, null, ctx.time)
      await dropMailTokens(tx, id, null)
    }
    if (changes.roles || changes.status) {
      await emitAccountChanged(tx, ctx, id, changes, principalOf(ctx.caller) ?? 'system')
      await recordAct(tx, ctx, {
        act: 'account.change',
        object: `accounts/${id}`,
        before: { roles: held.roles, status: held.status },
        after: { roles: row?.roles ?? held.roles, status: row?.status ?? held.status },
      })
    }
    return showAccount(row ?? held)
  })
  ctx.wake('relay')
  return account
}

function findChanges(held: AccountRow, patch: AccountPatch): AccountChange {
  const roles = patch.roles && [...new Set(patch.roles)].sort()
  return {
    ...(roles && roles.join() !== held.roles.join() ? { roles: { old: held.roles, new: roles } } : {}),
    ...(patch.status && patch.status !== held.status
      ? { status: { old: held.status, new: patch.status } }
      : {}),
  }
}
