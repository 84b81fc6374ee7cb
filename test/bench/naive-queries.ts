/** What discovery is compared with: the same search ranked over all hits of a word. */
import type { Queryable } from '#core/platform/database/database.ts'

/** Ranks every hit by ts_rank_cd and gives the first 20 with their envelopes. */
export const rankAllHits = (db: Queryable, tsquery: string) =>
  db.query<{ did: string; envelope: string; score: number }>(
    `select c.did, c.envelope, ts_rank_cd(c.search, $1::tsquery, 32)::float8 * (0.5 + 0.5 * c.quality) as score
     from registry.discovery_cards c where c.visible and c.search @@ $1::tsquery
     order by score desc, c.did limit 20`,
    [tsquery],
  )

/** Lets the planner know what the tables hold. */
export const analyzeCards = (db: Queryable) => db.query('vacuum analyze registry.discovery_cards')
export const analyzeTerms = (db: Queryable) => db.query('vacuum analyze registry.discovery_terms')

/** Cards that hold a lexeme, for the bench's table. */
export const countHits = async (db: Queryable, tsquery: string) =>
  (
    await db.query<{ hits: number }>(
      'select count(*)::int as hits from registry.discovery_cards c where c.visible and c.search @@ $1::tsquery',
      [tsquery],
    )
  )[0]?.hits ?? 0
