/** Makes the single-use token of a mail and queues the mail with its link. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { queueMail } from '../mail/queue-mail.ts'
import { insertMailToken, type Registered } from './queries.ts'
import { makeMailToken, RESET_SECONDS, sha256Hex, VERIFY_SECONDS } from './rules.ts'

/**
 * Sends an account its link to verify the address or to reset the password.
 * @param registered what the link confirms where it belongs to a registration
 */
export async function mailToken(
  tx: Transaction,
  ctx: RegistryContext,
  account: { id: string; email: string },
  purpose: 'verify' | 'reset',
  registered: Registered | null = null,
): Promise<void> {
  const token = makeMailToken(ctx.random)
  const seconds = purpose === 'verify' ? VERIFY_SECONDS : RESET_SECONDS
  await insertMailToken(tx, {
    hash: sha256Hex(token),
    purpose,
    account: account.id,
    registered,
    seconds,
    time: ctx.time,
  })
  await queueMail(tx, ctx, { kind: purpose, to: account.email, token, validSeconds: seconds })
}
