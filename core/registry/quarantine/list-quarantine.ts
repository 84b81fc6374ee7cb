/** Lists who is in quarantine, newest first. */
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { listRows } from './queries.ts'
import type { QuarantineOut } from './schema.ts'
import { showQuarantine } from './show-quarantine.ts'

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const filters = { list: 'quarantine' }

export async function listQuarantine(
  ctx: RegistryContext,
  page: { readonly limit: number; readonly cursor?: string | undefined },
): Promise<Page<QuarantineOut>> {
  const after = page.cursor === undefined ? null : (decodeCursor(page.cursor, filters, [ID])[0] ?? null)
  const rows = await listRows(ctx.db, after, page.limit + 1)
  return toPage(rows, page.limit, filters, (row) => [row.id], showQuarantine)
}
