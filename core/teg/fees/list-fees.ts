/** The fee records: every rate that has been in force, the newest first. */
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { FeeSnapshot } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readSnapshots } from './queries.ts'
import { showSnapshot } from './read-fees.ts'

/** The first of all, version -1, is the TEG's own: the floor, until a registry posts its rate. */
const VERSION = /^(-1|0|[1-9][0-9]{0,17})$/

export async function listFees(
  ctx: TegContext,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<FeeSnapshot>> {
  const filters = { list: 'fees' }
  const [before] = query.cursor === undefined ? [] : decodeCursor(query.cursor, filters, [VERSION])
  const rows = await readSnapshots(ctx.db, before === undefined ? null : BigInt(before), query.limit + 1)
  return toPage(rows, query.limit, filters, (row) => [row.settings_version.toString()], showSnapshot)
}
