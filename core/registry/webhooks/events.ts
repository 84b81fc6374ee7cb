/** What the domain webhooks emits. No address of an endpoint goes into the journal. */
import type { Transaction } from '#core/platform/database/database.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import type { RegistryContext } from '../context.ts'

/** A webhook was disabled by the registry, not by its owner; only the owner and operators see it. */
export const emitWebhookDisabled = (
  tx: Transaction,
  ctx: RegistryContext,
  webhook: { id: string; account: string | null },
  reason: string,
) =>
  emitEvent(tx, ctx, {
    type: 'webhook.disabled',
    subject: `webhooks/${webhook.id}`,
    data: { webhook: webhook.id, reason },
    audience: webhook.account === null ? [] : [webhook.account],
  })
