/** Disables a webhook on the registry's own account, and tells its owner by another channel. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { isFlooded, queueMail } from '../mail/queue-mail.ts'
import { emitWebhookDisabled } from './events.ts'
import { type DisabledReason, disableRow, findOwner, moveSet } from './queries.ts'

/** A notice that can't be delivered in so long is given up. */
const NOTICE_SECONDS = 3 * 86_400

/**
 * Call `ctx.wake('mail')` and `ctx.wake('relay')` after the commit.
 * @returns false when it was disabled before
 */
export async function disableWebhook(
  tx: Transaction,
  ctx: RegistryContext,
  webhook: { id: string; account: string | null },
  reason: Exclude<DisabledReason, 'owner'>,
): Promise<boolean> {
  if (!(await disableRow(tx, webhook.id, reason, ctx.time))) return false
  await moveSet(tx)
  await emitWebhookDisabled(tx, ctx, webhook, reason)
  const owner = webhook.account === null ? undefined : await findOwner(tx, webhook.account)
  if (owner && ctx.mailer.kind !== 'none' && !(await isFlooded(tx, ctx, owner.email)))
    await queueMail(tx, ctx, {
      kind: `webhook_${reason}`,
      to: owner.email,
      token: null,
      validSeconds: NOTICE_SECONDS,
    })
  return true
}
