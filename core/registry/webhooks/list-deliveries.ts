/** The deliveries of a webhook with the log of their attempts, newest first. */
import { type Page, toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { listDeliveries as listRows } from './delivery-queries.ts'
import { requireWebhook } from './find-webhook.ts'
import { afterOf } from './list-webhooks.ts'
import type { DeliveriesQuery, Delivery } from './schema.ts'
import { showDelivery } from './show-webhook.ts'

/** @throws 404 not_found */
export async function listDeliveries(
  ctx: RegistryContext,
  webhook: string,
  query: DeliveriesQuery,
): Promise<Page<Delivery>> {
  await requireWebhook(ctx, ctx.db, webhook)
  const filters = { list: 'deliveries', webhook, state: query.state }
  const rows = await listRows(ctx.db, webhook, query.state ?? null, afterOf(query, filters), query.limit + 1)
  return toPage(rows, query.limit, filters, (row) => [row.id], showDelivery)
}
