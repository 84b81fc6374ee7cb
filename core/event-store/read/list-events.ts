/** Reads documents back by index: those of the caller's own sources, without ever stalling on what is not. */
import { patternToRegex } from '#core/base/pattern.ts'
import { decodeCommitment } from '#core/base/tlog/commitment.ts'
import { encodeBase64 } from '#core/base/tlog/note.ts'
import type { StoredEvent, StoredPage } from '#core/wire/event-store.ts'
import type { EventStoreContext } from '../context.ts'
import { readHead } from '../log/read-log.ts'
import { LOOK_AGAIN_MS } from '../open-head-watch.ts'
import { coversSource, sourcesOf } from '../sources-of.ts'
import { listSources, listStored, type StoredRow } from './queries.ts'

/** Most entries that one page looks at: a filter that matches nothing still moves on. */
export const SCAN_MAX = 10_000

export interface ListStored {
  /** The last index looked at before; absent: from the beginning. */
  readonly after: number | undefined
  readonly types: readonly string[] | null
  readonly source: string | null
  readonly limit: number
  /** Seconds to wait for something new when there is nothing. */
  readonly waitSeconds: number
}

/** A page; with `waitSeconds` an empty one comes when the time is over and nothing was appended that matches. */
export async function listStoredEvents(ctx: EventStoreContext, query: ListStored): Promise<StoredPage> {
  const until = performance.now() + query.waitSeconds * 1000
  let { after } = query
  for (;;) {
    const page = await readPage(ctx, { ...query, after })
    after = page.scanned_to ?? after
    const left = until - performance.now()
    const isOver = ctx.signal.aborted || ctx.heads.ended()
    if (page.items.length > 0 || page.next_cursor !== null || left <= 0 || isOver) return page
    await ctx.heads.wait(page.size, Math.min(left, LOOK_AGAIN_MS), ctx.signal)
  }
}

async function readPage(ctx: EventStoreContext, query: ListStored): Promise<StoredPage> {
  // The head is read first: all entries below it are committed, so none can appear behind the cursor.
  const { size } = await readHead(ctx)
  const start = query.after === undefined ? 0 : query.after + 1
  const end = Math.min(size, start + SCAN_MAX)
  const own = start < end ? await ownSources(ctx, query.source) : []
  const types = query.types?.map(patternToRegex) ?? null
  const rows = own.length > 0 ? await listStored(ctx.db, { start, end, limit: query.limit }, own, types) : []
  const last = rows.length === query.limit ? Number(rows.at(-1)?.index) : end - 1
  const scanned = start < end ? last : start - 1
  return {
    items: rows.map(showStored),
    scanned_to: scanned < 0 ? null : scanned,
    next_cursor: scanned + 1 < size ? String(scanned) : null,
    size,
  }
}

async function ownSources(ctx: EventStoreContext, wanted: string | null): Promise<number[]> {
  const allowed = sourcesOf(ctx.caller, ctx.config)
  return (await listSources(ctx.db))
    .filter(({ source }) => coversSource(allowed, source) && (wanted === null || source === wanted))
    .map(({ id }) => id)
}

function showStored(row: StoredRow): StoredEvent {
  const commitment = decodeCommitment(row.entry)
  if (!commitment) throw new Error(`entry ${row.index} is malformed`)
  return {
    index: Number(row.index),
    source: row.source,
    sequence: String(row.sequence),
    id: commitment.id,
    type: row.type,
    recorded_at: row.recorded_at.toISOString(),
    payload_hash: encodeBase64(commitment.payloadHash),
    salt: row.salt && Buffer.from(row.salt).toString('base64url'),
    payload: row.payload && Buffer.from(row.payload).toString('utf8'),
  }
}
