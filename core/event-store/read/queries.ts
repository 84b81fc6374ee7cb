/** Statements of readers of documents. */
import type { Queryable } from '#core/platform/database/database.ts'

export interface StoredRow {
  index: bigint
  source: string
  sequence: bigint
  type: string
  entry: Uint8Array
  salt: Uint8Array | null
  payload: Uint8Array | null
  recorded_at: Date
}

export const listSources = (on: Queryable) =>
  on.query<{ id: number; source: string }>('select id, source from event_store.sources')

/** Rows of sources after an index and before an end whose types match any of the expressions (null: all). */
export const listStored = (
  on: Queryable,
  span: { start: number; end: number; limit: number },
  sources: readonly number[],
  types: readonly string[] | null,
) =>
  on.query<StoredRow>(
    `select e.index, s.source, e.sequence, e.type, e.entry, e.salt, e.payload, e.recorded_at
     from event_store.entries e join event_store.sources s on s.id = e.source
     where e.index >= $1 and e.index < $2 and e.source = any($4::integer[])
       and ($5::text[] is null or e.type ~ any($5::text[]))
     order by e.index limit $3`,
    [span.start, span.end, span.limit, sources.map(String), types],
  )
