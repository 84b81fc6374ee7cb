/** Reads webhooks of the caller: all of them by pages, or one. */
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { ownerOf, requireWebhook } from './find-webhook.ts'
import { listWebhooks as listRows } from './queries.ts'
import type { Webhook } from './schema.ts'
import { showWebhook } from './show-webhook.ts'

export interface PageWish {
  readonly limit: number
  readonly cursor?: string | undefined
}
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** The id after which a page starts. */
export const afterOf = (page: PageWish, filters: Record<string, unknown>): string | null =>
  page.cursor === undefined ? null : (decodeCursor(page.cursor, filters, [ID])[0] ?? null)

/** Newest first. */
export async function listWebhooks(ctx: RegistryContext, page: PageWish): Promise<Page<Webhook>> {
  const account = ownerOf(ctx)
  const filters = { list: 'webhooks', account: account ?? 'operators' }
  const rows = await listRows(ctx.db, account, afterOf(page, filters), page.limit + 1)
  return toPage(
    rows,
    page.limit,
    filters,
    (row) => [row.id],
    (row) => showWebhook(ctx, row),
  )
}

/** @throws 404 not_found */
export async function readWebhook(ctx: RegistryContext, id: string): Promise<Webhook> {
  return showWebhook(ctx, await requireWebhook(ctx, ctx.db, id))
}
