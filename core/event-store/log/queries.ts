/** Statements of the log: the head, appending by compare-and-set, tiles, entries. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface HeadRow {
  origin: string
  size: bigint
  root: Uint8Array
  checkpoint: string
}

export async function findHead(on: Queryable): Promise<HeadRow> {
  const rows = await on.query<HeadRow>('select origin, size, root, checkpoint from event_store.log_head')
  if (!rows[0]) throw new Error('The log has no head: its keys were never opened')
  return rows[0]
}

/** Sources by name, with the head that they are as of. A name that is not known gives no row but the head. */
export const findSources = (on: Queryable, names: readonly string[]) =>
  on.query<{
    size: bigint
    root: Uint8Array
    id: number | null
    source: string | null
    last_sequence: bigint | null
  }>(
    `select h.size, h.root, s.id, s.source, s.last_sequence
     from event_store.log_head h left join event_store.sources s on s.source = any($1::text[])`,
    [names],
  )

export const insertSources = (on: Queryable, names: readonly string[]) =>
  on.query(
    `insert into event_store.sources (source) select n.name from unnest($1::text[]) n(name)
     order by n.name on conflict (source) do nothing`,
    [names],
  )

/** Entries by source and number. */
export const findNumbered = (on: Queryable, sources: readonly number[], sequences: readonly bigint[]) =>
  on.query<{ source: number; sequence: bigint; index: bigint; entry: Uint8Array }>(
    `select e.source, e.sequence, e.index, e.entry
     from unnest($1::integer[], $2::bigint[]) w(source, sequence)
     join event_store.entries e on e.source = w.source and e.sequence = w.sequence`,
    [sources.map(String), sequences.map(String)],
  )

/** A group on its way into the log. Bytes of all rows stand one behind the other; lengths tell where each ends. */
export interface Group {
  readonly before: { readonly size: number; readonly root: Uint8Array }
  readonly after: { readonly size: number; readonly root: Uint8Array; readonly checkpoint: string }
  readonly sources: readonly number[]
  readonly sequences: readonly bigint[]
  readonly types: readonly string[]
  readonly entries: Uint8Array
  readonly entryEnds: readonly number[]
  /** Salts, each with its document behind it. */
  readonly salted: Uint8Array
  readonly saltedEnds: readonly number[]
  readonly moved: { readonly sources: readonly number[]; readonly last: readonly bigint[] }
  readonly tiles: {
    readonly levels: readonly number[]
    readonly indexes: readonly number[]
    readonly hashes: Uint8Array
    readonly roots: Uint8Array
  }
}

/** An array of numbers as PostgreSQL writes it: the drivers' own way costs more than the rows. */
const numbers = (values: readonly (number | bigint)[]): string => `{${values.join(',')}}`
/** An array of words that hold neither quotes nor backslashes. */
const words = (values: readonly string[]): string =>
  values.length === 0 ? '{}' : `{"${values.join('","')}"}`

/**
 * Appends a group in one statement: everything hangs on the head being what the group was made for.
 * @returns false when another process has moved the head; then nothing was written
 */
export async function appendGroup(on: Queryable, group: Group, now: Date | null): Promise<boolean> {
  const rows = await on.query<{ appended: boolean }>(
    `select event_store.append_group($1::bigint, $2::bytea, $3::bigint, $4::bytea, $5::text, $6::timestamptz,
       $7::integer[], $8::bigint[], $9::text[], $10::bytea, $11::integer[], $12::bytea, $13::integer[],
       $14::integer[], $15::bigint[], $16::smallint[], $17::bigint[], $18::bytea, $19::bytea) as appended`,
    [
      group.before.size,
      group.before.root,
      group.after.size,
      group.after.root,
      group.after.checkpoint,
      now,
      numbers(group.sources),
      numbers(group.sequences),
      words(group.types),
      group.entries,
      numbers(group.entryEnds),
      group.salted,
      numbers(group.saltedEnds),
      numbers(group.moved.sources),
      numbers(group.moved.last),
      numbers(group.tiles.levels),
      numbers(group.tiles.indexes),
      group.tiles.hashes,
      group.tiles.roots,
    ],
  )
  return rows[0]?.appended === true
}

/** Evidence of a number told twice; at most so many rows a source. */
export const insertEquivocation = (
  on: Queryable,
  found: { source: number; sequence: bigint; index: bigint; entry: Uint8Array; actor: string },
  rowsMax: number,
  now: Date | null,
) =>
  on.query(
    `insert into event_store.equivocations (source, sequence, index, entry, actor, seen_at)
     select $1::integer, $2::bigint, $3::bigint, $4::bytea, $5::text,
       coalesce($7::timestamptz, clock_timestamp())
     where (select count(*) from event_store.equivocations q where q.source = $1::integer) < $6::integer
     on conflict (source, sequence, entry) do nothing`,
    [found.source, found.sequence, found.index, found.entry, found.actor, rowsMax, now],
  )

export interface TileRow {
  level: number
  index: bigint
  hashes: Uint8Array | null
}

/** The head, and as of it the hashes of tiles as far as they exist. */
export async function findHeadWithTiles(
  on: Queryable,
  levels: readonly number[],
  indexes: readonly number[],
): Promise<{ head: HeadRow; tiles: TileRow[] }> {
  const rows = await on.query<HeadRow & (TileRow | { level: null })>(
    `select h.origin, h.size, h.root, h.checkpoint, r.level, r.index, r.hashes
     from event_store.log_head h left join event_store.read_tiles($1::smallint[], $2::bigint[]) r on true`,
    [numbers(levels), numbers(indexes)],
  )
  if (!rows[0]) throw new Error('The log has no head: its keys were never opened')
  return { head: rows[0], tiles: rows.filter((row) => row.level !== null) }
}

/** The hashes of tiles as far as they exist; null: none yet. */
export const findTiles = (on: Queryable, levels: readonly number[], indexes: readonly number[]) =>
  on.query<TileRow>(
    'select r.level, r.index, r.hashes from event_store.read_tiles($1::smallint[], $2::bigint[]) r',
    [numbers(levels), numbers(indexes)],
  )

/** Entries from an index up to another one (exclusive), in order. */
export const listEntries = (on: Queryable, start: number, end: number) =>
  on.query<{ index: bigint; entry: Uint8Array }>(
    'select index, entry from event_store.entries where index >= $1 and index < $2 order by index',
    [start, end],
  )

export interface WholeRow {
  index: bigint
  source: string
  sequence: bigint
  entry: Uint8Array
  salt: Uint8Array | null
  payload: Uint8Array | null
  erased: boolean
}

/** Everything of entries, for the audit. */
export const listWhole = (on: Queryable, start: number, end: number) =>
  on.query<WholeRow>(
    `select e.index, s.source, e.sequence, e.entry, e.salt, e.payload,
       exists (select 1 from event_store.erasures x where x.index = e.index) as erased
     from event_store.entries e left join event_store.sources s on s.id = e.source
     where e.index >= $1 and e.index < $2 order by e.index`,
    [start, end],
  )

/** Full tiles as they are kept. */
export const findKeptTiles = (on: Queryable, levels: readonly number[], indexes: readonly number[]) =>
  on.query<{ level: number; index: bigint; hashes: Uint8Array; root: Uint8Array }>(
    `select t.level, t.index, t.hashes, t.root from unnest($1::smallint[], $2::bigint[]) k(level, index)
     join event_store.tiles t on t.level = k.level and t.index = k.index`,
    [levels.map(String), indexes.map(String)],
  )

/** The source of an entry and whether its document is there. */
export async function findOwner(on: Queryable, index: number) {
  const rows = await on.query<{ source: string; erased: boolean }>(
    `select s.source, e.payload is null as erased from event_store.entries e
     join event_store.sources s on s.id = e.source where e.index = $1`,
    [index],
  )
  return rows[0]
}

export const insertErasure = (
  tx: Transaction,
  erasure: { index: number; reason: string; actor: string },
  now: Date | null,
) =>
  tx.query(
    `insert into event_store.erasures (index, reason, actor, erased_at)
     values ($1, $2, $3, coalesce($4::timestamptz, clock_timestamp())) on conflict (index) do nothing`,
    [erasure.index, erasure.reason, erasure.actor, now],
  )

export const erasePayload = (tx: Transaction, index: number) =>
  tx.query(
    'update event_store.entries set salt = null, payload = null where index = $1 and payload is not null',
    [index],
  )

/** The last number of a source and the index it stands at. */
export async function findSourceHead(on: Queryable, source: string) {
  const rows = await on.query<{ last_sequence: bigint; index: bigint | null }>(
    `select s.last_sequence, e.index from event_store.sources s
     left join event_store.entries e on e.source = s.id and e.sequence = s.last_sequence where s.source = $1`,
    [source],
  )
  return rows[0]
}

/** The index of an entry by its source and number. */
export async function findIndex(
  on: Queryable,
  source: string,
  sequence: bigint,
): Promise<bigint | undefined> {
  const rows = await on.query<{ index: bigint }>(
    `select e.index from event_store.sources s join event_store.entries e on e.source = s.id
     where s.source = $1 and e.sequence = $2`,
    [source, sequence],
  )
  return rows[0]?.index
}
