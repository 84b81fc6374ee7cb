/** Sends again: one delivery by its id, or every event of a range of the journal, also those from before the webhook. */
import type { RegistryContext } from '../context.ts'
import { findDelivery, insertDeliveries, listRange, requeueDeliveries } from './delivery-queries.ts'
import { fail } from './errors.ts'
import { requireActive, requireLocked, requireWebhook } from './find-webhook.ts'
import { endPause } from './queries.ts'
import { idsInOrder, patternsOf, REPLAY_MAX } from './rules.ts'
import type { Delivery, Replay } from './schema.ts'
import { showDelivery } from './show-webhook.ts'

/**
 * Begins a new round of attempts, under the same webhook-id. One that waits already is tried at once.
 * @throws 404 not_found, also for a test (send another one); 409 webhook_disabled
 */
export async function retryDelivery(ctx: RegistryContext, id: string): Promise<Delivery> {
  const found = await findDelivery(ctx.db, id)
  if (!found || found.index === null) throw fail('not_found')
  const { webhook, index } = found
  const delivery = await ctx.once(async (tx) => {
    requireActive(await requireLocked(ctx, tx, webhook))
    await requeueDeliveries(tx, webhook, [index], true, ctx.time)
    await endPause(tx, webhook)
    const row = await findDelivery(tx, id)
    if (!row) throw fail('not_found')
    return showDelivery(row)
  })
  ctx.wake('webhooks')
  return delivery
}

/**
 * Queues the events of `from` to `to`, both included, that match the webhook's types and that its owner may see: each
 * once, whether it was delivered before or never queued. Those that wait already stay as they are.
 * @throws 404 not_found, 409 webhook_disabled, 422 out_of_bounds for a range that is empty or too wide
 */
export async function replayEvents(
  ctx: RegistryContext,
  id: string,
  { from, to }: Replay,
): Promise<{ from: number; to: number; queued: number }> {
  await requireWebhook(ctx, ctx.db, id)
  if (to < from || to - from >= REPLAY_MAX) {
    const last = from + REPLAY_MAX - 1
    const detail = `must not be before its beginning, and at most ${last}: a replay looks at ${REPLAY_MAX} indexes`
    throw fail('out_of_bounds', `/to: ${detail}`, {
      errors: [{ pointer: '/to', code: 'out_of_bounds', detail }],
    })
  }
  const replayed = await ctx.once(async (tx) => {
    const webhook = await requireLocked(ctx, tx, id)
    requireActive(webhook)
    const span = { from: BigInt(from), to: BigInt(to) }
    const events = await listRange(tx, span, patternsOf(webhook.types), webhook.account)
    const ids = idsInOrder(events, ctx.newId)
    const rows = events.map((event, i) => ({
      id: ids[i] as string,
      webhook: id,
      event_id: event.id,
      index: String(event.index),
      type: event.type,
    }))
    const indexes = events.map(({ index }) => index)
    // First what is there: rows that are inserted wait, and would be counted twice.
    const again = await requeueDeliveries(tx, id, indexes, false, ctx.time)
    const fresh = await insertDeliveries(tx, rows, ctx.time)
    await endPause(tx, id)
    return { from, to, queued: again + fresh }
  })
  ctx.wake('webhooks')
  return replayed
}
