/** Reads the journal after an index: what the caller may see, in order, without ever stalling on what it may not. */
import { patternToRegex } from '#core/base/pattern.ts'
import { Reply } from '#core/base/reply.ts'
import type { RegistryContext } from '../context.ts'
import { findHead, listVisible } from './queries.ts'
import { viewerOf, withLedgerIndex } from './rules.ts'
import type { EventPage } from './schema.ts'

/** Most journal rows that one page looks at: a filter that matches nothing still moves on. */
export const SCAN_MAX = 10_000n

export interface ListEvents {
  readonly after: bigint
  readonly types: readonly string[] | null
  readonly limit: number
}

/**
 * A page of events. `next_cursor` is the last index LOOKED AT, not the last one given, so a page may be short or
 * empty while there is more; it fits `after` and `cursor` under any filter, and is null once the head was reached.
 * The header Events-Scanned-To tells that index on every page: whoever polls goes on from it.
 */
export async function listEvents(ctx: RegistryContext, query: ListEvents): Promise<Reply<EventPage>> {
  const { after, limit } = query
  // The head is read first: all rows up to it are committed, so no later commit can appear behind the cursor.
  const head = await findHead(ctx.db)
  const end = after + SCAN_MAX < head ? after + SCAN_MAX : head
  const types = query.types?.map(patternToRegex) ?? null
  const rows =
    after < end ? await listVisible(ctx.db, { after, upTo: end, limit }, types, viewerOf(ctx.caller)) : []
  const last = rows.at(-1)
  const scanned = rows.length === limit && last ? last.index : end
  const page: EventPage = {
    items: rows.map((row) => ({ index: Number(row.index), event: JSON.parse(withLedgerIndex(row)) })),
    next_cursor: scanned < head ? String(scanned) : null,
  }
  return new Reply(page, {
    headers: { 'events-scanned-to': String(scanned), 'events-head': String(head) },
  })
}
