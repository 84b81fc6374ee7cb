/** Sends a test to a webhook at once and tells what came of it; it counts neither for nor against the endpoint. */
import type { RegistryContext } from '../context.ts'
import { attemptDelivery, signersOf } from './attempt-delivery.ts'
import { insertTest } from './delivery-queries.ts'
import { fail } from './errors.ts'
import { requireWebhook } from './find-webhook.ts'
import { writeBody, writeTest } from './rules.ts'
import type { Delivery } from './schema.ts'
import { showDelivery } from './show-webhook.ts'

/** A disabled webhook can be tested too. @throws 404 not_found */
export async function testWebhook(ctx: RegistryContext, id: string): Promise<Delivery> {
  const webhook = await requireWebhook(ctx, ctx.db, id)
  const now = ctx.clock.now()
  const eventId = ctx.newId()
  const document = writeTest({ id: eventId, registry: ctx.config.REGISTRY_NAME, webhook: id, time: now })
  const body = writeBody(document, null)
  const beforeGood = webhook.secret_before_until !== null && webhook.secret_before_until > now
  const signers = signersOf(ctx, webhook, beforeGood)
  const outcome = await attemptDelivery(ctx, webhook.url, signers, { id: eventId, body })
  const row = await ctx.db.transaction((tx) =>
    insertTest(
      tx,
      {
        id: ctx.newId(),
        webhook: id,
        eventId,
        body,
        state: outcome.error === null ? 'delivered' : 'failed',
        attempt: {
          number: 1,
          at: now.toISOString(),
          duration_ms: outcome.durationMs,
          status: outcome.status,
          error: outcome.error,
          excerpt: outcome.excerpt,
        },
      },
      ctx.time,
    ),
  )
  // Deleted while it was tested.
  if (!row) throw fail('not_found')
  return showDelivery(row)
}
