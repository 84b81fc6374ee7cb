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
  next_attempt_at: Date
  log: LoggedAttempt[]
  created_at: Date
  finished_at: Date | null
}
const COLUMNS = `id, webhook, event_id, index, type, state, attempts, next_attempt_at, log, created_at, finished_at`

export interface NewDelivery {
  id: string
  webhook: string
  event_id: string
  index: string
  type: string
}
/** One row per webhook and index, whoever asks how often. @returns how many are new */
export async function insertDeliveries(
  tx: Transaction,
  rows: readonly NewDelivery[],
  time: Time,
): Promise<number> {
  const made = await tx.query(
    `insert into registry.webhook_deliveries
       (id, webhook, event_id, index, type, state, next_attempt_at, created_at)
     select r.id, r.webhook, r.event_id, r.index, r.type, 'waiting', ${NOW(2)}, ${NOW(2)}
     from json_to_recordset($1::json) as r(id uuid, webhook uuid, event_id uuid, index bigint, type text)
     join registry.webhooks w on w.id = r.webhook
     order by r.index
     on conflict on constraint webhook_delivery_once do nothing returning id`,
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
    `update registry.webhook_deliveries set state = 'waiting', tries = 0, next_attempt_at = ${NOW(4)},
       finished_at = null
     where webhook = $1 and index = any($2::bigint[]) and ($3::boolean or state <> 'waiting') returning id`,
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
     where index >= $1 and index <= $2 and type ~ any($3::text[])
       and ($4::uuid is null or audience is null or audience @> array[$4::uuid])
     order by index`,
    [span.from, span.to, types, account],
  )

export interface DueRow {
  id: string
  event_id: string
  index: bigint | null
  tries: number
  /** When it was due, to the microsecond: a Date would round it and name another place. */
  place: string
  due: boolean
  envelope: string
  time: Date
}
const DUE = `d.id, d.event_id, d.index, d.tries, d.next_attempt_at::text as place, j.envelope, j.time`

/** Due deliveries of a webhook after a place in the order of their due times. */
export const listDue = (
  on: Queryable,
  webhook: string,
  after: { place: string; id: string } | null,
  limit: number,
  time: Time,
) =>
  on.query<DueRow>(
    `select ${DUE}, true as due from registry.webhook_deliveries d join registry.journal j on j.index = d.index
     where d.webhook = $1 and d.state = 'waiting' and d.next_attempt_at <= ${NOW(5)}
       and ($2::timestamptz is null or (d.next_attempt_at, d.id) > ($2::timestamptz, $3::uuid))
     order by d.next_attempt_at, d.id limit $4`,
    [webhook, after?.place ?? null, after?.id ?? null, limit, time],
  )

/** Waiting deliveries in the order of the journal, with whether each is due. */
export const listInOrder = (on: Queryable, webhook: string, after: bigint, limit: number, time: Time) =>
  on.query<DueRow>(
    `select ${DUE}, d.next_attempt_at <= ${NOW(4)} as due
     from registry.webhook_deliveries d join registry.journal j on j.index = d.index
     where d.webhook = $1 and d.state = 'waiting' and d.index > $2 order by d.index limit $3`,
    [webhook, after, limit, time],
  )

export interface AttemptResult {
  id: string
  state: 'waiting' | 'delivered' | 'failed'
  /** Seconds to the next attempt, where it waits. */
  delay: number
  at: string
  duration_ms: number
  status: number | null
  error: string | null
  excerpt: string | null
}
/** Keeps what came of attempts; a delivery that has ended meanwhile stays as it is. */
export const keepResults = (tx: Transaction, results: readonly AttemptResult[], logMax: number, time: Time) =>
  tx.query(
    `update registry.webhook_deliveries d set state = r.state, attempts = d.attempts + 1,
       tries = d.tries + 1,
       next_attempt_at = ${NOW(3)} + make_interval(secs => r.delay),
       finished_at = case when r.state = 'waiting' then null else ${NOW(3)} end,
       log = (case when jsonb_array_length(d.log) >= $2 then d.log - 0 else d.log end) || jsonb_build_object(
         'number', d.attempts + 1, 'at', r.at, 'duration_ms', r.duration_ms, 'status', r.status,
         'error', r.error, 'excerpt', r.excerpt)
     from json_to_recordset($1::json) as r(id uuid, state text, delay float8, at text, duration_ms int,
       status int, error text, excerpt text)
     where d.id = r.id and d.state = 'waiting'`,
    [JSON.stringify(results), logMax, time],
  )

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
    `insert into registry.webhook_deliveries
       (id, webhook, event_id, type, body, state, attempts, tries, next_attempt_at, log, created_at, finished_at)
     select $1, w.id, $3, 'webhook.test', $4, $5, 1, 1, ${NOW(7)}, $6::jsonb, ${NOW(7)}, ${NOW(7)}
     from registry.webhooks w where w.id = $2 returning ${COLUMNS}`,
    [row.id, row.webhook, row.eventId, row.body, row.state, JSON.stringify([row.attempt]), time],
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
    `select ${COLUMNS} from registry.webhook_deliveries
     where webhook = $1 and ($2::text is null or state = $2) and ($3::uuid is null or id < $3::uuid)
     order by id desc limit $4`,
    [webhook, state, after, limit],
  )

export const findDelivery = async (on: Queryable, id: string) =>
  (await on.query<DeliveryRow>(`select ${COLUMNS} from registry.webhook_deliveries where id = $1`, [id]))[0]

/** Webhooks with more waiting than they may have; each is counted no further than that. */
export const listOverfull = (on: Queryable, waitingMax: number) =>
  on.query<{ id: string; account: string | null }>(
    `select w.id, w.account from registry.webhooks w
     where w.disabled_at is null and
       (select count(*) from (select 1 from registry.webhook_deliveries d
          where d.webhook = w.id and d.state = 'waiting' limit $1 + 1) waiting) > $1`,
    [waitingMax],
  )

/** Drops old deliveries, waiting ones of disabled webhooks among them. */
export const sweepDeliveries = (tx: Transaction, limit: number, seconds: number, time: Time) =>
  tx.query(
    `delete from registry.webhook_deliveries where id in (
       select d.id from registry.webhook_deliveries d join registry.webhooks w on w.id = d.webhook
       where d.created_at < ${NOW(3)} - make_interval(secs => $2)
         and (d.state <> 'waiting' or w.disabled_at is not null)
       limit $1 for update of d skip locked) returning id`,
    [limit, seconds, time],
  )

export async function countWaiting(on: Queryable): Promise<number> {
  const rows = await on.query<{ count: number }>(
    `select count(*)::integer as count from registry.webhook_deliveries where state = 'waiting'`,
  )
  return rows[0]?.count ?? 0
}
