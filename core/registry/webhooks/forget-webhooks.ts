/** Lets the webhooks of an account go, with all that was sent to them. */
import type { Transaction } from '#core/platform/database/database.ts'
import { deleteWebhooksOf, moveSet } from './queries.ts'

export async function forgetWebhooks(tx: Transaction, account: string): Promise<void> {
  if ((await deleteWebhooksOf(tx, account)).length > 0) await moveSet(tx)
}
