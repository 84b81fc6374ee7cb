/** Statements that search the discovery index. Conditions are put together of fixed texts; every value is bound. */

import { geohashRanges, type Place } from '#core/base/geo.ts'
import type { Queryable } from '#core/platform/database/database.ts'
import { NEAR_KM } from './rules.ts'

/** Filters as the index knows them. */
export interface Filters {
  readonly tsquery: string | null
  readonly skills: readonly string[]
  readonly tags: readonly string[]
  readonly inputMode: string | null
  readonly outputMode: string | null
  readonly binding: string | null
  readonly provider: string | null
  readonly registry: string | null
  readonly country: string | null
  readonly near: Place | null
  readonly radiusKm: number | null
  readonly minReputation: number | null
  readonly signed: boolean | null
  readonly updatedSince: string | null
}

export interface FoundRow {
  did: string
  envelope: string
  relevance: number
  quality: number
  completeness: number
  signature_status: string
  status: string
  reputation: number | null
  distance: number | null
  score: number
  key: string
}
export interface RankedRow extends Omit<FoundRow, 'key'> {
  /** Candidates that were ranked against each other. */
  block_size: number
}

class Bound {
  readonly params: unknown[] = []
  /** The placeholder of a value. */
  put(value: unknown, type: string): string {
    this.params.push(value)
    return `$${this.params.length}::${type}`
  }
}

function distanceSql(bound: Bound, near: Place | null): string {
  if (!near) return 'null::float8'
  const latitude = bound.put(near.latitude, 'float8')
  const longitude = bound.put(near.longitude, 'float8')
  return `registry.distance_km(c.latitude, c.longitude, ${latitude}, ${longitude})`
}

function conditionsSql(bound: Bound, filters: Filters, radiusKm = filters.radiusKm): string {
  const all = ['c.visible']
  const equal = (column: string, value: string | null) => {
    if (value !== null) all.push(`${column} = ${bound.put(value, 'text')}`)
  }
  const holds = (column: string, values: readonly string[]) => {
    if (values.length > 0) all.push(`${column} @> ${bound.put(values, 'text[]')}`)
  }
  if (filters.tsquery !== null) all.push(`c.search @@ ${bound.put(filters.tsquery, 'tsquery')}`)
  holds('c.skill_keys', filters.skills)
  holds('c.tags', filters.tags)
  holds('c.input_modes', filters.inputMode === null ? [] : [filters.inputMode])
  holds('c.output_modes', filters.outputMode === null ? [] : [filters.outputMode])
  holds('c.bindings', filters.binding === null ? [] : [filters.binding])
  equal('c.provider_key', filters.provider)
  equal('c.origin_registry', filters.registry)
  equal('c.country', filters.country)
  if (filters.signed !== null) all.push(`c.signature_status ${filters.signed ? '=' : '<>'} 'verified'`)
  // A floor asks for earned reputation; no floor (0) lets newcomers in.
  if (filters.minReputation) all.push(`c.reputation >= ${bound.put(filters.minReputation, 'numeric')}`)
  if (filters.updatedSince !== null)
    all.push(`c.updated_at >= ${bound.put(filters.updatedSince, 'timestamptz')}`)
  if (filters.near) {
    all.push('c.latitude is not null')
    if (radiusKm !== null) {
      const ranges = geohashRanges(filters.near, radiusKm).map(
        ({ low, high }) => `c.geohash between ${bound.put(low, 'bigint')} and ${bound.put(high, 'bigint')}`,
      )
      all.push(`(${ranges.join(' or ')})`)
      all.push(`${distanceSql(bound, filters.near)} <= ${bound.put(radiusKm, 'float8')}`)
    }
  }
  return all.join('\n      and ')
}

/** Relevance is cover density scaled into 0 to 1; 1 where nothing was asked. */
const relevanceSql = (bound: Bound, filters: Filters): string =>
  filters.tsquery === null
    ? '1::float8'
    : `ts_rank_cd(c.search, ${bound.put(filters.tsquery, 'tsquery')}, 32)::float8`

function scoreSql(bound: Bound, filters: Filters): string {
  const half = bound.put(filters.radiusKm ?? NEAR_KM, 'float8')
  return `s.relevance * (0.5 + 0.5 * s.quality) / (1 + coalesce(s.distance, 0) / ${half})`
}

const FACTS = `c.envelope, c.completeness, c.signature_status, c.status, c.reputation::float8 as reputation`

/** Conditions of the matches after a card in the order of quality. */
function afterSql(bound: Bound, filters: Filters, from: readonly [string, string] | null): string {
  const where = conditionsSql(bound, filters)
  if (!from) return where
  const quality = bound.put(from[0], 'float8')
  const did = bound.put(from[1], 'text')
  return `${where}\n      and c.quality <= ${quality} and (c.quality < ${quality} or c.did > ${did})`
}

/**
 * Ranks one block: the first `cap` matches by quality after `from`, in the order of their score after `after`.
 * Where the word is common the planner walks the index of quality and ranks no more than a block; where it is rare it
 * ranks all hits (research/registries.md 4.4, rule 3).
 */
export function rankBlock(
  db: Queryable,
  filters: Filters,
  page: {
    by: 'best' | 'relevance'
    from: readonly [string, string] | null
    after: readonly [string, string, string] | null
    cap: number
    limit: number
  },
): Promise<RankedRow[]> {
  const bound = new Bound()
  const where = afterSql(bound, filters, page.from)
  const distance = distanceSql(bound, filters.near)
  const relevance = relevanceSql(bound, filters)
  const score = page.by === 'best' ? scoreSql(bound, filters) : 's.relevance'
  let rest = 'true'
  if (page.after) {
    const [lastScore, quality, did] = page.after
    rest = `(-r.score, -r.quality, r.did) > (-${bound.put(lastScore, 'float8')}, -${bound.put(quality, 'float8')}, ${bound.put(did, 'text')})`
  }
  return db.query<RankedRow>(
    `with candidates as materialized (
       select c.did, c.quality, ${distance} as distance, ${relevance} as relevance
       from registry.discovery_cards c
       where ${where}
       order by c.quality desc, c.did
       limit ${bound.put(page.cap, 'bigint')}
     )
     select p.*, (select count(*)::int from candidates) as block_size, ${FACTS}
     from (select r.* from (select s.*, ${score} as score from candidates s) r
           where ${rest}
           order by r.score desc, r.quality desc, r.did
           limit ${bound.put(page.limit, 'bigint')}) p
     join registry.discovery_cards c on c.did = p.did
     order by p.score desc, p.quality desc, p.did`,
    bound.params,
  )
}

/** The last card of a full block, after which the next one begins; nothing when the block is not full. */
export const findBlockEnd = async (
  db: Queryable,
  filters: Filters,
  from: readonly [string, string] | null,
  cap: number,
) => {
  const bound = new Bound()
  const where = afterSql(bound, filters, from)
  const rows = await db.query<{ did: string; quality: number }>(
    `select c.did, c.quality from registry.discovery_cards c
     where ${where}
     order by c.quality desc, c.did limit 1 offset ${bound.put(cap - 1, 'bigint')}`,
    bound.params,
  )
  return rows[0]
}

/** Orders by a fact: its column, how a cursor tells a value (`shown`) and how that is read again (`read`). */
const ORDERS = {
  newest: {
    column: () => 'c.updated_at',
    shown: '(extract(epoch from p.key) * 1000000)::bigint::text',
    read: (bound: Bound, text: string) =>
      `(timestamptz 'epoch' + ${bound.put(text, 'bigint')} * interval '1 microsecond')`,
    way: 'desc',
    // Ids carry their time of birth: of two cards of one moment the later id is the newer.
    ties: 'desc',
  },
  reputation: {
    column: () => 'coalesce(c.reputation, 50)',
    shown: 'p.key::text',
    read: (bound: Bound, text: string) => bound.put(text, 'numeric'),
    way: 'desc',
    ties: 'asc',
  },
  distance: {
    column: (distance: string) => distance,
    shown: 'p.key::text',
    read: (bound: Bound, text: string) => bound.put(text, 'float8'),
    way: 'asc',
    ties: 'asc',
  },
} as const
export type Order = keyof typeof ORDERS

/** Matches in the order of a fact (no ranking), after a key. `withinKm` narrows a search by distance. */
export function listInOrder(
  db: Queryable,
  filters: Filters,
  page: { order: Order; after: readonly [string, string] | null; limit: number; withinKm: number | null },
): Promise<FoundRow[]> {
  const bound = new Bound()
  const { column, shown, read, way, ties } = ORDERS[page.order]
  let where = conditionsSql(bound, filters, page.withinKm)
  const distance = distanceSql(bound, filters.near)
  const key = column(distance)
  if (page.after) {
    const last = read(bound, page.after[0])
    const did = bound.put(page.after[1], 'text')
    const beyond = way === 'asc' ? '>' : '<'
    const after = ties === 'asc' ? '>' : '<'
    where += `\n      and ${key} ${beyond}= ${last} and (${key} ${beyond} ${last} or c.did ${after} ${did})`
  }
  const limit = bound.put(page.limit, 'bigint')
  const relevance = relevanceSql(bound, filters)
  const score = scoreSql(bound, filters)
  return db.query<FoundRow>(
    `with page as materialized (
       select c.did, ${key} as key, ${distance} as distance
       from registry.discovery_cards c
       where ${where}
       order by ${key} ${way}, c.did ${ties}
       limit ${limit}
     )
     select s.*, ${score} as score
     from (select p.did, ${shown} as key, p.key as sort_key, p.distance, c.quality, ${relevance} as relevance, ${FACTS}
           from page p join registry.discovery_cards c on c.did = p.did) s
     order by s.sort_key ${way}, s.did ${ties}`,
    bound.params,
  )
}

/** Values of the first `cap` matches by quality with their counts, the most frequent `most` of each facet. */
export function countValues(db: Queryable, filters: Filters, cap: number, most: number) {
  const bound = new Bound()
  const where = conditionsSql(bound, filters)
  return db.query<{ facet: string; value: string | null; count: number }>(
    `with candidates as materialized (
       select c.tags, c.skills, c.input_modes, c.output_modes, c.bindings, c.provider, c.country,
              c.origin_registry, c.signature_status
       from registry.discovery_cards c
       where ${where}
       order by c.quality desc, c.did
       limit ${bound.put(cap, 'bigint')}
     ), counted as (
       select facet, value, count(*)::int as count,
              row_number() over (partition by facet order by count(*) desc, value) as nth
       from (
         select 'tags' as facet, unnest(c.tags) collate "C" as value from candidates c union all
         select 'skills', unnest(c.skills) from candidates c union all
         select 'input_modes', unnest(c.input_modes) from candidates c union all
         select 'output_modes', unnest(c.output_modes) from candidates c union all
         select 'bindings', unnest(c.bindings) from candidates c union all
         select 'providers', c.provider from candidates c union all
         select 'countries', c.country from candidates c union all
         select 'registries', c.origin_registry from candidates c union all
         select 'signature_status', c.signature_status from candidates c
       ) v
       where value is not null
       group by facet, value
     )
     select facet, value, count from counted where nth <= ${bound.put(most, 'bigint')}
     union all select 'total', null, (select count(*)::int from candidates)
     order by facet, count desc, value`,
    bound.params,
  )
}
