/** Lets mails go: those to an address that is forgotten, and old ones. */
import { emailKey } from '#core/base/email.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { deleteMailsTo, sweepMails } from './queries.ts'

/** Forgets what was sent, or waits to be sent, to an address. */
export async function forgetMailsTo(tx: Transaction, address: string): Promise<void> {
  await deleteMailsTo(tx, emailKey(address))
}

/** Drops at most `limit` old mails. @returns what went */
export const dropOldMails = (
  tx: Transaction,
  limit: number,
  time: Date | null,
): Promise<readonly unknown[]> => sweepMails(tx, limit, time)
