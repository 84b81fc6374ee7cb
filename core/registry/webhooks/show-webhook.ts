/** Webhooks and deliveries as their owners see them. */
import type { RegistryContext } from '../context.ts'
import type { DeliveryRow } from './delivery-queries.ts'
import type { WebhookRow } from './queries.ts'
import type { Delivery, Webhook } from './schema.ts'
import { showSecret } from './sign-delivery.ts'

export function showWebhook(ctx: Pick<RegistryContext, 'keys' | 'clock'>, row: WebhookRow): Webhook {
  const formerUntil = row.secret_before_until
  const disabled =
    row.disabled_at && row.disabled_reason
      ? {
          reason: row.disabled_reason,
          at: row.disabled_at.toISOString(),
          index: Number(row.disabled_index ?? 0n),
        }
      : null
  return {
    id: row.id,
    url: row.url,
    types: row.types,
    description: row.description,
    ordered: row.ordered,
    status: disabled ? 'disabled' : 'active',
    disabled,
    public_key: showSecret(ctx.keys.unseal(row.secret)).public_key,
    former_secret_until: formerUntil && formerUntil > ctx.clock.now() ? formerUntil.toISOString() : null,
    failures: row.failures,
    failing_since: row.failing_since?.toISOString() ?? null,
    paused_until: row.paused_until?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}

export const showDelivery = (row: DeliveryRow): Delivery => ({
  id: row.id,
  webhook: row.webhook,
  event_id: row.event_id,
  index: row.index === null ? null : Number(row.index),
  type: row.type,
  state: row.state,
  attempts: row.attempts,
  next_attempt_at: row.due_at?.toISOString() ?? null,
  log: JSON.parse(`[${row.log}]`) as Delivery['log'],
  created_at: row.created_at.toISOString(),
  finished_at: row.finished_at?.toISOString() ?? null,
})
