/** The owner behind a call, and a webhook of theirs: what is another's is not there. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { findWebhook, lockWebhook, type WebhookRow } from './queries.ts'

/** The account of a developer; null for operators, whose webhooks are common to them and hear everything. */
export function ownerOf(ctx: Pick<RegistryContext, 'caller'>): string | null {
  return ctx.caller.kind === 'developer' ? ctx.caller.account : null
}

/** @throws 404 not_found */
export async function requireWebhook(ctx: RegistryContext, on: Queryable, id: string): Promise<WebhookRow> {
  const row = await findWebhook(on, id, ownerOf(ctx))
  if (!row) throw fail('not_found')
  return row
}

/** The same for a change. @throws 404 not_found */
export async function requireLocked(ctx: RegistryContext, tx: Transaction, id: string): Promise<WebhookRow> {
  const row = await lockWebhook(tx, id, ownerOf(ctx))
  if (!row) throw fail('not_found')
  return row
}

/** @throws 409 webhook_disabled */
export function requireActive(row: WebhookRow): void {
  if (row.disabled_at !== null)
    throw fail('webhook_disabled', 'PATCH it with {"status": "active"} first; nothing was queued.')
}
