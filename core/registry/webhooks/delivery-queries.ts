/** Statements of deliveries: queued in the reactor's transaction, read by a lane, kept with their log. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

type Time = Date | null
const NOW = (n: number) => `coalesce($${n}::timestamptz, clock_timestamp())`

export interface LoggedAttempt {
  number: number
  at: string
  duration_ms: number
  status: number | null
  error: string | null
  excerpt: string | null
}
export interface DeliveryRow {
  id: string
  webhook: string
  event_id: string
  index: bigint | null
  type: string
  state: 'waiting' | 'delivered' | 'failed'
  attempts: number
  due_at: Date | null
  /** Attempts as JSON objects, comma separated. */
  log: string
  created_at: Date
  finished_at: Date | null
}
const COLUMNS = `d.id, d.webhook, d.event_id, d.index, d.type, d.state, d.attempts, d.log, d.created_at, d.finished_at`
const DELIVERIES = `select ${COLUMNS}, q.due_at from registry.webhook_deliveries d
  left join registry.webhook_queue q on q.webhook = d.webhook and q.index = d.index`

export interface NewDelivery {
  id: string
  webhook: string
  event_id: string
  index: string
  type: string
}
/** One row per webhook and index, whoever asks how often. @returns how many are new, and wait now */
export async function insertDeliveries(
  tx: Transaction,
  rows: readonly NewDelivery[],
  time: Time,
): Promise<number> {
  const made = await tx.query(
    `with made as (
       insert into registry.webhook_deliveries (id, webhook, event_id, index, type, state, created_at)
       select r.id, r.webhook, r.event_id, r.index, r.type, 'waiting', ${NOW(2)}
       from json_to_recordset($1::json) as r(id uuid, webhook uuid, event_id uuid, index bigint, type text)
       join registry.webhooks w on w.id = r.webhook
       order by r.index
       on conflict on constraint webhook_delivery_once do nothing
       returning webhook, index, id
     )
     insert into registry.webhook_queue (webhook, index, delivery, attempts, tries, due_at)
     select webhook, index, id, 0, 0, ${NOW(2)} from made returning index`,
    [JSON.stringify(rows), time],
  )
  return made.length
}

/** Queues again what has ended, or also what waits, as a new round of attempts. @returns how many */
export async function requeueDeliveries(
  tx: Transaction,
  webhook: string,
  indexes: readonly bigint[],
  waitingToo: boolean,
  time: Time,
): Promise<number> {
  const rows = await tx.query(
    `with again as (
       update registry.webhook_deliveries set state = 'waiting', finished_at = null
       where webhook = $1 and index = any($2::bigint[]) and ($3::boolean or state <> 'waiting')
       returning index, id, attempts
     )
     insert into registry.webhook_queue as q (webhook, index, delivery, attempts, tries, due_at)
     select $1, index, id, attempts, 0, ${NOW(4)} from again
     on conflict (webhook, index) do update set tries = 0, due_at = excluded.due_at
     returning q.index`,
    [webhook, indexes.map(String), waitingToo, time],
  )
  return rows.length
}

/** Events of a range that the owner may see, in order. */
export const listRange = (
  on: Queryable,
  span: { from: bigint; to: bigint },
  types: readonly string[],
  account: string | null,
) =>
  on.query<{ index: bigint; id: string; type: string }>(
    `select index, id, type from registry.journal
     where index >= $1 and index <= $2 and (targets & 2) <> 0 and type ~ any($3::text[])
       and ($4::uuid is null or audience is null or audience @> array[$4::uuid])
     order by index`,
    [span.from, span.to, types, account],
  )

export interface DueRow {
  index: bigint
  delivery: string
  event_id: string
  attempts: number
  tries: number
  /** When it was due, to the microsecond: a Date would round it and name another place. */
  place: string
  due: boolean
  envelope: string
}
const DUE = `q.index, q.delivery, q.attempts, q.tries, q.due_at, q.due_at::text as place, j.id as event_id,
  j.envelope`
/** Cuts a page where its documents have the given size; the first row always stays. */
const cut = (page: string, order: string, bytes: string) =>
  `select * from (
     select page.*, sum(octet_length(envelope)) over (order by ${order}) - octet_length(envelope) as before
     from (${page}) page) sized
   where before < ${bytes}::bigint order by ${order}`

/** Bounds of a page: rows, and bytes of their documents. */
export interface PageBounds {
  readonly rows: number
  readonly bytes: number
}

/** Due deliveries of a webhook after a place in the order of their due times. */
export const listDue = (
  on: Queryable,
  webhook: string,
  after: { place: string; index: bigint } | null,
  { rows, bytes }: PageBounds,
  time: Time,
) =>
  on.query<DueRow>(
    cut(
      `select ${DUE}, true as due from (
         select * from registry.webhook_queue
         where webhook = $1 and due_at <= ${NOW(5)}
           and ($2::timestamptz is null or (due_at, index) > ($2::timestamptz, $3::bigint))
         order by due_at, index limit $4) q
       join registry.journal j on j.index = q.index`,
      'due_at, index',
      '$6',
    ),
    [webhook, after?.place ?? null, after?.index ?? null, rows, time, bytes],
  )

/** Waiting deliveries in the order of the journal, with whether each is due. */
export const listInOrder = (
  on: Queryable,
  webhook: string,
  after: bigint,
  { rows, bytes }: PageBounds,
  time: Time,
) =>
  on.query<DueRow>(
    cut(
      `select ${DUE}, q.due_at <= ${NOW(4)} as due from (
         select * from registry.webhook_queue where webhook = $1 and index > $2
         order by index limit $3) q
       join registry.journal j on j.index = q.index`,
      'index',
      '$5',
    ),
    [webhook, after, rows, time, bytes],
  )

export interface AttemptResult {
  index: bigint
  delivery: string
  state: 'waiting' | 'delivered' | 'failed'
  /** Seconds to the next attempt, where it waits. */
  delay: number
  attempt: LoggedAttempt
}
/** Keeps what came of attempts; a delivery that has ended meanwhile stays as it is. */
export const keepResults = (
  tx: Transaction,
  webhook: string,
  results: readonly AttemptResult[],
  logMax: number,
  time: Time,
) =>
  tx.later(
    `with results as (
       select * from unnest($2::bigint[], $3::uuid[], $4::text[], $5::float8[], $6::text[])
         as r(index, delivery, state, delay, attempt)
     ), ended as (
       delete from registry.webhook_queue q using results r
       where q.webhook = $1 and q.index = any($2::bigint[]) and q.index = r.index and r.state <> 'waiting'
     ), later as (
       update registry.webhook_queue q set attempts = q.attempts + 1, tries = q.tries + 1,
         due_at = ${NOW(8)} + make_interval(secs => r.delay)
       from results r
       where q.webhook = $1 and q.index = any($2::bigint[]) and q.index = r.index and r.state = 'waiting'
     )
     update registry.webhook_deliveries d set state = r.state, attempts = d.attempts + 1,
       finished_at = case when r.state = 'waiting' then null else ${NOW(8)} end,
       log = case when d.log = '' then r.attempt when d.attempts < $7 then d.log || ',' || r.attempt
         else d.log end
     from results r where d.id = r.delivery and d.state = 'waiting'`,
    [
      webhook,
      results.map(({ index }) => String(index)),
      results.map(({ delivery }) => delivery),
      results.map(({ state }) => state),
      results.map(({ delay }) => delay),
      results.map(({ attempt }) => JSON.stringify(attempt)),
      logMax,
      time,
    ],
  )

/** A commit that a crash of the database may forget: what was delivered is sent again then, and nothing is lost. */
export const commitLightly = (tx: Transaction) => tx.later('set local synchronous_commit = off')

/** A test, kept when it has ended. */
export async function insertTest(
  tx: Transaction,
  row: {
    id: string
    webhook: string
    eventId: string
    body: string
    state: 'delivered' | 'failed'
    attempt: LoggedAttempt
  },
  time: Time,
): Promise<DeliveryRow | undefined> {
  const rows = await tx.query<DeliveryRow>(
    `insert into registry.webhook_deliveries as d
       (id, webhook, event_id, type, body, state, attempts, log, created_at, finished_at)
     select $1, w.id, $3, 'webhook.test', $4, $5, 1, $6, ${NOW(7)}, ${NOW(7)}
     from registry.webhooks w where w.id = $2 returning ${COLUMNS}, null::timestamptz as due_at`,
    [row.id, row.webhook, row.eventId, row.body, row.state, JSON.stringify(row.attempt), time],
  )
  return rows[0]
}

/** Newest first. */
export const listDeliveries = (
  on: Queryable,
  webhook: string,
  state: string | null,
  after: string | null,
  limit: number,
) =>
  on.query<DeliveryRow>(
    `${DELIVERIES}
     where d.webhook = $1 and ($2::text is null or d.state = $2) and ($3::uuid is null or d.id < $3::uuid)
     order by d.id desc limit $4`,
    [webhook, state, after, limit],
  )

export const findDelivery = async (on: Queryable, id: string) =>
  (await on.query<DeliveryRow>(`${DELIVERIES} where d.id = $1`, [id]))[0]

/** Webhooks with more waiting than they may have; each is counted no further than that. */
export const listOverfull = (on: Queryable, waitingMax: number) =>
  on.query<{ id: string; account: string | null }>(
    `select w.id, w.account from registry.webhooks w
     where w.disabled_at is null and
       (select count(*) from (select 1 from registry.webhook_queue q
          where q.webhook = w.id limit $1 + 1) waiting) > $1`,
    [waitingMax],
  )

/** Drops deliveries made before an id (ids are in order of time), waiting ones of disabled webhooks among them. */
export const sweepDeliveries = (tx: Transaction, limit: number, before: string) =>
  tx.query(
    `with old as (
       select d.id, d.webhook, d.index from registry.webhook_deliveries d
       join registry.webhooks w on w.id = d.webhook
       where d.id < $2 and (d.state <> 'waiting' or w.disabled_at is not null)
       order by d.id limit $1 for update of d skip locked
     ), queued as (
       delete from registry.webhook_queue q using old where q.webhook = old.webhook and q.index = old.index
     )
     delete from registry.webhook_deliveries d using old where d.id = old.id returning d.id`,
    [limit, before],
  )

export async function countWaiting(on: Queryable): Promise<number> {
  const rows = await on.query<{ count: number }>(
    'select count(*)::integer as count from registry.webhook_queue',
  )
  return rows[0]?.count ?? 0
}
