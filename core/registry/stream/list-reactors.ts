/** The reactors with their places in the journal, and what they have given up on. */
import type { RegistryContext } from '../context.ts'
import { failReactor } from './errors.ts'
import { findCursor, listCursors, listParked, type ParkedRow, type ReactorRow } from './reactor-queries.ts'
import type { ParkedEvent, Reactor } from './schema.ts'

/** All that have ever run, by name. */
export async function listReactors(ctx: RegistryContext): Promise<{ items: Reactor[]; next_cursor: null }> {
  return { items: (await listCursors(ctx.db)).map(showReactor), next_cursor: null }
}

/** @throws 404 not_found */
export async function requireReactor(on: Parameters<typeof findCursor>[0], name: string): Promise<Reactor> {
  const row = await findCursor(on, name)
  if (!row) throw failReactor('not_found', `There is no reactor ${name}.`)
  return showReactor(row)
}

/** Events that a reactor has given up on, oldest first; a cursor is the index of the last one. @throws 404 not_found */
export async function listParkedEvents(
  ctx: RegistryContext,
  name: string,
  query: { limit: number; cursor?: bigint | undefined },
): Promise<{ items: ParkedEvent[]; next_cursor: string | null }> {
  await requireReactor(ctx.db, name)
  const rows = await listParked(ctx.db, name, query.cursor ?? 0n, query.limit + 1)
  const kept = rows.slice(0, query.limit)
  const last = kept.at(-1)
  return {
    items: kept.map(showParked),
    next_cursor: rows.length > query.limit && last ? String(last.index) : null,
  }
}

const showReactor = (row: ReactorRow): Reactor => ({
  name: row.reactor,
  index: Number(row.index),
  head: Number(row.head),
  attempts: row.attempts,
  next_attempt_at: row.next_attempt_at?.toISOString() ?? null,
  parked: row.parked,
  updated_at: row.updated_at.toISOString(),
})

const showParked = (row: ParkedRow): ParkedEvent => ({
  index: Number(row.index),
  type: row.type,
  subject: row.subject,
  error: row.error,
  attempts: row.attempts,
  parked_at: row.parked_at.toISOString(),
  replay_at: row.replay_at?.toISOString() ?? null,
})
