/** Statements of reactors: cursors with their epochs, and parked events. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface ReactorEventRow {
  index: bigint
  id: string
  type: string
  envelope: string
  audience: string[] | null
  targets: number
}

/** Makes a reactor's cursor at the beginning of the journal, unless there is one. @returns a row when it was made */
export const insertCursor = (tx: Transaction, reactor: string, now: Date | null) =>
  tx.query(
    `insert into registry.reactor_cursors (reactor, updated_at)
     values ($1::text, coalesce($2::timestamptz, clock_timestamp())) on conflict (reactor) do nothing returning reactor`,
    [reactor, now],
    { keep: 'insert_cursor' },
  )

/** The commit of this transaction does not wait for the disk. */
export const commitLightly = (tx: Transaction) => tx.later('set local synchronous_commit = off')

export async function takeEpoch(
  tx: Transaction,
  reactor: string,
  holder: string,
  now: Date | null,
): Promise<bigint> {
  const rows = await tx.query<{ epoch: bigint }>(
    `update registry.reactor_cursors set epoch = epoch + 1, holder = $2,
       updated_at = coalesce($3::timestamptz, clock_timestamp())
     where reactor = $1 returning epoch`,
    [reactor, holder, now],
  )
  return (rows[0] as { epoch: bigint }).epoch
}

/**
 * Locks a cursor; nothing while another transaction holds it. `replay`: a parked event shall be tried again. `head`: of the
 * journal; a look at rows up to it that comes after finds them all.
 */
export async function lockCursor(tx: Transaction, reactor: string, now: Date | null) {
  const rows = await tx.query<{ index: bigint; head: bigint; epoch: bigint; due: boolean; replay: boolean }>(
    `select index, epoch, (select h.index from registry.journal_head h) as head,
       next_attempt_at is null or next_attempt_at <= coalesce($2::timestamptz, clock_timestamp()) as due,
       exists (select from registry.reactor_parked p where p.reactor = c.reactor
         and p.replay_at <= coalesce($2::timestamptz, clock_timestamp())) as replay
     from registry.reactor_cursors c where reactor = $1 for update skip locked`,
    [reactor, now],
  )
  return rows[0]
}

/** Rows after an index and up to another one whose types match an expression (null: all), in order. */
export const listMatching = (
  tx: Transaction,
  span: { readonly after: bigint; readonly upTo: bigint },
  type: string | null,
) =>
  tx.query<ReactorEventRow>(
    `select j.index, j.id, j.type, j.envelope, j.audience, j.targets from registry.journal j
     where j.index > $1 and j.index <= $2 and ($3::text is null or j.type ~ $3) order by j.index`,
    [span.after, span.upTo, type],
  )

/** Moves a cursor on the way to the commit. */
export const moveCursor = (tx: Transaction, reactor: string, index: bigint, now: Date | null) =>
  tx.later(
    `update registry.reactor_cursors set index = $2, attempts = 0, next_attempt_at = null,
       updated_at = coalesce($3::timestamptz, clock_timestamp()) where reactor = $1`,
    [reactor, index, now],
  )

/** Counts a failure and sets the next attempt by the waits; beyond the last wait there is none. @returns failures so far */
export async function countFailure(
  tx: Transaction,
  reactor: string,
  waits: readonly number[],
  now: Date | null,
): Promise<number> {
  const rows = await tx.query<{ attempts: number }>(
    `update registry.reactor_cursors set attempts = attempts + 1,
       next_attempt_at = coalesce($3::timestamptz, clock_timestamp())
         + make_interval(secs => ($2::int[])[attempts + 1]),
       updated_at = coalesce($3::timestamptz, clock_timestamp())
     where reactor = $1 returning attempts`,
    [reactor, waits, now],
  )
  return (rows[0] as { attempts: number }).attempts
}

export const insertParked = (
  tx: Transaction,
  parked: { reactor: string; index: bigint; error: string; attempts: number },
  now: Date | null,
) =>
  tx.query(
    `insert into registry.reactor_parked as p (reactor, index, error, attempts, parked_at)
     values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()))
     on conflict (reactor, index) do update set error = excluded.error, replay_at = null,
       attempts = p.attempts + excluded.attempts, parked_at = excluded.parked_at`,
    [parked.reactor, parked.index, parked.error, parked.attempts, now],
  )

/** The oldest parked event whose replay is due. */
export const findReplay = async (tx: Transaction, reactor: string, now: Date | null) =>
  (
    await tx.query<ReactorEventRow>(
      `select j.index, j.id, j.type, j.envelope, j.audience, j.targets
       from registry.reactor_parked p join registry.journal j on j.index = p.index
       where p.reactor = $1 and p.replay_at <= coalesce($2::timestamptz, clock_timestamp())
       order by p.index limit 1`,
      [reactor, now],
    )
  )[0]

export const removeParked = (tx: Transaction, reactor: string, index: bigint) =>
  tx.query<{ index: bigint }>(
    'delete from registry.reactor_parked where reactor = $1 and index = $2 returning index',
    [reactor, index],
  )

export interface ReactorRow {
  reactor: string
  index: bigint
  head: bigint
  attempts: number
  next_attempt_at: Date | null
  parked: number
  epoch: bigint
  updated_at: Date
}
const ROWS = `select c.reactor, c.index, h.index as head, c.attempts, c.next_attempt_at, c.epoch, c.updated_at,
    (select count(*)::integer from registry.reactor_parked p where p.reactor = c.reactor) as parked
  from registry.reactor_cursors c cross join registry.journal_head h`

export const listCursors = (on: Queryable) => on.query<ReactorRow>(`${ROWS} order by c.reactor`)

export const findCursor = async (on: Queryable, reactor: string) =>
  (await on.query<ReactorRow>(`${ROWS} where c.reactor = $1`, [reactor]))[0]

/** Waits for the turn at work. */
export const holdCursor = async (tx: Transaction, reactor: string) =>
  (
    await tx.query<{ index: bigint }>(
      'select index from registry.reactor_cursors where reactor = $1 for update',
      [reactor],
    )
  )[0]

export interface ParkedRow {
  index: bigint
  type: string
  subject: string
  error: string
  attempts: number
  parked_at: Date
  replay_at: Date | null
}
/** Oldest event first, after an index. */
export const listParked = (on: Queryable, reactor: string, after: bigint, limit: number) =>
  on.query<ParkedRow>(
    `select p.index, j.type, j.subject, p.error, p.attempts, p.parked_at, p.replay_at
     from registry.reactor_parked p join registry.journal j on j.index = p.index
     where p.reactor = $1 and p.index > $2 order by p.index limit $3`,
    [reactor, after, limit],
  )

/** Asks for a replay of one parked event, or of all. @returns their indexes */
export const markReplay = (tx: Transaction, reactor: string, index: bigint | null, now: Date | null) =>
  tx.query<{ index: bigint }>(
    `update registry.reactor_parked set replay_at = coalesce($3::timestamptz, clock_timestamp())
     where reactor = $1 and ($2::bigint is null or index = $2) returning index`,
    [reactor, index, now],
  )
