/** Lists the registries whose cards are found here, by name; this one is always among them. */
import type { z } from 'zod'
import { decodeCursor, encodeCursor, type Page } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { listOrigins } from './card-queries.ts'
import { originLocation, parseLocation } from './rules.ts'
import type { Registries } from './schema.ts'

/** Agents counted of one registry; more are told as "at least". */
const AGENTS_MAX = 10_000
type Item = z.output<typeof Registries>['items'][number]

/** GET /discovery/registries. This registry is listed even without agents. */
export async function listRegistries(
  ctx: Pick<RegistryContext, 'db' | 'config'>,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<Item>> {
  const { REGISTRY_NAME: own, REGISTRY_LOCATION: location } = ctx.config
  const [after = ''] = query.cursor === undefined ? [] : decodeCursor(query.cursor, {}, [/^[^\0]{0,256}$/])
  const rows = await listOrigins(ctx.db, after, query.limit + 1, AGENTS_MAX + 1)
  const items = rows.map(
    (row): Item => ({
      name: row.name,
      local: row.name === own,
      location:
        row.name === own
          ? location
            ? parseLocation(location)
            : null
          : originLocation(JSON.parse(row.envelope)),
      agents: Math.min(row.agents, AGENTS_MAX),
      approximate: row.agents > AGENTS_MAX,
    }),
  )
  if (own > after && !items.some((item) => item.local))
    insertByName(items, {
      name: own,
      local: true,
      location: location ? parseLocation(location) : null,
      agents: 0,
      approximate: false,
    })
  const kept = items.slice(0, query.limit)
  const last = kept.at(-1)
  return {
    items: kept,
    next_cursor: items.length > query.limit && last ? encodeCursor([last.name], {}) : null,
  }
}

/** The database orders by code points, as `<` does for the names of registries (ASCII). */
function insertByName(items: Item[], item: Item): void {
  const at = items.findIndex((other) => other.name > item.name)
  if (at < 0) items.push(item)
  else items.splice(at, 0, item)
}
