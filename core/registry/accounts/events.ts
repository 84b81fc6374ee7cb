/** What the domain accounts emits. No address and no name of a person goes into the journal. */
import type { Transaction } from '#core/platform/database/database.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import type { RegistryContext } from '../context.ts'

/** A developer has proved that the address is theirs. */
export const emitDeveloperVerified = (tx: Transaction, ctx: RegistryContext, account: string) =>
  emitEvent(tx, ctx, {
    type: 'developer.verified',
    subject: `developers/${account}`,
    data: { developer: account },
    audience: [account],
  })

export interface AccountChange {
  roles?: { old: readonly string[]; new: readonly string[] }
  status?: { old: string; new: string }
}

/** An operator has changed roles or status of an account. */
export const emitAccountChanged = (
  tx: Transaction,
  ctx: RegistryContext,
  account: string,
  changes: AccountChange,
  actor: string,
) =>
  emitEvent(tx, ctx, {
    type: 'account.changed',
    subject: `developers/${account}`,
    data: { developer: account, changes, actor },
    audience: [account],
  })
