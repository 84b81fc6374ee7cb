/** Signs envelopes anew whose origin says another name or place than the registry has now (a changed configuration). */
import type { RegistryContext } from '../context.ts'
import { requireLocked } from './find-agent.ts'
import { keepChange } from './keep-change.ts'
import { listMisplaced } from './queries.ts'
import { parseLocation } from './rules.ts'

const BATCH_MAX = 100

/**
 * Run it once after a start, by one process: each envelope is a transaction of its own, so it may be stopped anywhere.
 * @returns how many were signed anew
 */
export async function refreshOrigins(ctx: RegistryContext): Promise<{ refreshed: number }> {
  const place = parseLocation(ctx.config.REGISTRY_LOCATION)
  let refreshed = 0
  let after: string | null = null
  while (!ctx.signal.aborted) {
    const rows: { id: string }[] = await listMisplaced(ctx.db, {
      name: ctx.config.REGISTRY_NAME,
      place: place && JSON.stringify(place),
      after,
      limit: BATCH_MAX,
    })
    for (const { id } of rows) {
      await ctx.db.transaction(async (tx) => {
        const row = await requireLocked(tx, id)
        await keepChange(tx, ctx, row, {
          fields: {},
          event: 'agent.updated',
          settled: row.teg_sequence >= row.sequence && row.intent === null,
        })
      })
      refreshed += 1
    }
    after = rows.at(-1)?.id ?? null
    if (rows.length < BATCH_MAX) break
  }
  if (refreshed > 0) ctx.wake('relay')
  return { refreshed }
}
