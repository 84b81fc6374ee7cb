/** Statements of single cards and of origins in the discovery index. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { CardRow } from './rules.ts'

/** Writes rows of cards; a row whose sequence is older than the stored one is left out. */
export const upsertCards = (tx: Transaction, rows: readonly CardRow[], time: Date | null) =>
  tx.query(
    `insert into registry.discovery_cards as d (did, agent, envelope, owner, name, name_key, status, sequence, search,
       tags, skills, skill_names, skill_keys, input_modes, output_modes, bindings, provider, provider_key,
       signature_status, origin_registry, country, latitude, longitude, geohash, reputation, completeness,
       updated_at, indexed_at, visible)
     select r.did, r.agent, r.envelope, r.owner, r.name, r.name_key, r.status, r.sequence, r.search,
       r.tags, r.skills, r.skill_names, r.skill_keys, r.input_modes, r.output_modes, r.bindings, r.provider,
       r.provider_key, r.signature_status, r.origin_registry, r.country, r.latitude, r.longitude, r.geohash,
       r.reputation, r.completeness, coalesce(r.updated_at, $2::timestamptz, clock_timestamp()),
       coalesce($2::timestamptz, clock_timestamp()), r.visible
     from json_to_recordset($1::json) as r (did text, agent uuid, envelope text, owner text, name text, name_key text,
       status text, sequence bigint, search tsvector, tags text[], skills text[], skill_names text[],
       skill_keys text[], input_modes text[], output_modes text[], bindings text[], provider text, provider_key text,
       signature_status text, origin_registry text, country text, latitude float8, longitude float8, geohash bigint,
       reputation numeric, completeness float8, updated_at timestamptz, visible boolean)
     on conflict (did) do update set
       agent = excluded.agent, envelope = excluded.envelope, owner = excluded.owner, name = excluded.name,
       name_key = excluded.name_key, status = excluded.status, sequence = excluded.sequence,
       search = excluded.search, tags = excluded.tags, skills = excluded.skills,
       skill_names = excluded.skill_names, skill_keys = excluded.skill_keys, input_modes = excluded.input_modes,
       output_modes = excluded.output_modes, bindings = excluded.bindings, provider = excluded.provider,
       provider_key = excluded.provider_key, signature_status = excluded.signature_status,
       origin_registry = excluded.origin_registry, country = excluded.country, latitude = excluded.latitude,
       longitude = excluded.longitude, geohash = excluded.geohash,
       reputation = coalesce(excluded.reputation, d.reputation), completeness = excluded.completeness,
       updated_at = excluded.updated_at, indexed_at = excluded.indexed_at, visible = excluded.visible
     where d.sequence <= excluded.sequence`,
    [JSON.stringify(rows), time],
  )

/** Sequences of cards that the index holds. */
export const listSequences = (on: Queryable, dids: readonly string[]) =>
  on.query<{ did: string; sequence: bigint }>(
    'select did, sequence from registry.discovery_cards where did = any($1::text[])',
    [dids],
  )

/** The visible card of a did or a local id; `refs` are spellings of the same name. */
export const findCard = async (db: Queryable, refs: readonly string[], agent: string | null) =>
  (
    await db.query<{ envelope: string; reputation: number | null }>(
      `select envelope, reputation::float8 as reputation from registry.discovery_cards
       where visible and (did = any($1::text[]) or agent = $2::uuid)`,
      [refs, agent],
    )
  )[0]

/**
 * Origins with visible cards after a name: each with its number of cards up to `cap`, and its newest envelope, which
 * tells the location. The index is skipped through, so that the time depends on the origins and not on the cards.
 */
export const listOrigins = (db: Queryable, after: string, limit: number, cap: number) =>
  db.query<{ name: string; agents: number; envelope: string }>(
    `with recursive origins as (
       (select origin_registry as name from registry.discovery_cards
        where visible and origin_registry > $1::text order by origin_registry limit 1)
       union all
       (select (select c.origin_registry from registry.discovery_cards c
                where c.visible and c.origin_registry > o.name order by c.origin_registry limit 1)
        from origins o where o.name is not null)
     ), page as (
       select name from origins where name is not null limit $2::bigint
     )
     select p.name,
       (select count(*)::int from (select from registry.discovery_cards c
          where c.visible and c.origin_registry = p.name limit $3::bigint) counted) as agents,
       (select c.envelope from registry.discovery_cards c
        where c.visible and c.origin_registry = p.name order by c.did limit 1) as envelope
     from page p order by p.name`,
    [after, limit, cap],
  )
