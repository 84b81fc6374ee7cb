/** Changes a webhook, ends it, and gives it a new secret. */
import type { RegistryContext } from '../context.ts'
import { checkAddress } from './create-webhook.ts'
import { requireLocked } from './find-webhook.ts'
import {
  deleteWebhook as deleteRow,
  disableRow,
  enableRow,
  moveSet,
  replaceSecret,
  updateWebhook,
  type WebhookRow,
} from './queries.ts'
import type { Webhook, WebhookPatch } from './schema.ts'
import { showWebhook } from './show-webhook.ts'
import { makeSecret, showSecret } from './sign-delivery.ts'

/**
 * New types count for events from now on. A disabled webhook hears nothing; what waited when it was disabled is sent
 * once it is active again.
 * @throws 400 validation_failed at /url, 404 not_found
 */
export async function changeWebhook(ctx: RegistryContext, id: string, patch: WebhookPatch): Promise<Webhook> {
  if (patch.url !== undefined) await checkAddress(ctx, patch.url)
  const webhook = await ctx.once(async (tx) => {
    const before = await requireLocked(ctx, tx, id)
    if (patch.status === 'disabled') await disableRow(tx, id, 'owner', ctx.time)
    if (patch.status === 'active' && before.disabled_at !== null) await enableRow(tx, id, ctx.time)
    const row = await updateWebhook(tx, id, merge(before, patch), isElsewhere(before, patch), ctx.time)
    await moveSet(tx)
    return showWebhook(ctx, row)
  })
  ctx.wake('webhooks')
  return webhook
}

const merge = (row: WebhookRow, patch: WebhookPatch) => ({
  url: patch.url ?? row.url,
  types: patch.types ? [...new Set(patch.types)] : row.types,
  description: patch.description === undefined ? row.description : patch.description,
  ordered: patch.ordered ?? row.ordered,
})

const isElsewhere = (row: WebhookRow, patch: WebhookPatch) => patch.url !== undefined && patch.url !== row.url

/** Ends a webhook with its deliveries and their logs. @throws 404 not_found */
export async function deleteWebhook(ctx: RegistryContext, id: string): Promise<void> {
  await ctx.once(async (tx) => {
    await requireLocked(ctx, tx, id)
    await deleteRow(tx, id)
    await moveSet(tx)
    return null
  })
}

/**
 * Makes a new secret, shown this once; the one before signs beside it for the overlap, so that a receiver can change
 * over without losing a delivery.
 * @throws 404 not_found
 */
export async function rotateSecret(
  ctx: RegistryContext,
  id: string,
  overlapSeconds: number,
): Promise<Webhook & { secret: string }> {
  return ctx.once(async (tx) => {
    await requireLocked(ctx, tx, id)
    const secret = makeSecret(ctx.random)
    const row = await replaceSecret(tx, id, ctx.keys.seal(secret), overlapSeconds, ctx.time)
    return { ...showWebhook(ctx, row), secret: showSecret(secret).secret }
  })
}
