/** Makes the single-use token of a mail and queues the mail with its link. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { queueMail } from '../mail/queue-mail.ts'
import { insertMailToken } from './queries.ts'
import { makeMailToken, RESET_SECONDS, sha256Hex, VERIFY_SECONDS } from './rules.ts'

/** Sends an account its link to verify the address or to reset the password. */
export async function mailToken(
  tx: Transaction,
  ctx: RegistryContext,
  account: { id: string; email: string },
  purpose: 'verify' | 'reset',
): Promise<void> {
  const token = makeMailToken(ctx.random)
  const seconds = purpose === 'verify' ? VERIFY_SECONDS : RESET_SECONDS
  await insertMailToken(tx, { hash: sha256Hex(token), purpose, account: account.id, seconds, time: ctx.time })
  await queueMail(tx, ctx, { kind: purpose, to: account.email, token, validSeconds: seconds })
}
