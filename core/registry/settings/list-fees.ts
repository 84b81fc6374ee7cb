/** The TEG's fee records, the newest first, each with the operator who set the rate, where one did. */
import type { Page } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { readRateActors } from './queries.ts'
import type { FeeRecord } from './schema.ts'

/** @throws 400 validation_failed for a bad cursor, 503 teg_unavailable */
export async function listFees(
  ctx: RegistryContext,
  page: { limit: number; cursor?: string | undefined },
): Promise<Page<FeeRecord>> {
  const { items, next_cursor } = await ctx.teg.feeRecords(ctx, page)
  const rows = await readRateActors(
    ctx.db,
    items.map(({ settings_version }) => settings_version),
  )
  const changes = new Map(rows.map((row) => [Number(row.settings_version), row]))
  return {
    items: items.map((item) => {
      const change = changes.get(item.settings_version)
      return { ...item, set_by: change?.rate === item.base_rate ? change.actor : null }
    }),
    next_cursor,
  }
}
