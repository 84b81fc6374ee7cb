/** Statements of webhooks themselves; those of deliveries stand in delivery-queries.ts. */
import type { Database, Queryable, Transaction } from '#core/platform/database/database.ts'

type Time = Date | null
export type DisabledReason = 'owner' | 'gone' | 'failing' | 'backlog'

export interface WebhookRow {
  id: string
  account: string | null
  url: string
  types: string[]
  description: string | null
  ordered: boolean
  secret: string
  secret_before: string | null
  secret_before_until: Date | null
  disabled_at: Date | null
  disabled_reason: DisabledReason | null
  disabled_index: bigint | null
  failures: number
  failing_since: Date | null
  paused_until: Date | null
  lease: bigint
  created_at: Date
  updated_at: Date
}
const COLUMNS = `id, account, url, types, description, ordered, secret, secret_before, secret_before_until,
  disabled_at, disabled_reason, disabled_index, failures, failing_since, paused_until, lease, created_at, updated_at`
const NOW = (n: number) => `coalesce($${n}::timestamptz, clock_timestamp())`

/** One webhook of an owner is made at a time, so that a count holds. */
export const lockWebhooksOf = (tx: Transaction, account: string | null) =>
  tx.query(`select pg_advisory_xact_lock(hashtext('registry.webhooks'), hashtext($1))`, [
    account ?? 'operators',
  ])

export async function countWebhooks(tx: Transaction, account: string | null): Promise<number> {
  const rows = await tx.query<{ count: number }>(
    'select count(*)::integer as count from registry.webhooks where account is not distinct from $1::uuid',
    [account],
  )
  return rows[0]?.count ?? 0
}

/** The webhook hears of events after the head of this moment. */
export async function insertWebhook(
  tx: Transaction,
  row: Pick<WebhookRow, 'id' | 'account' | 'url' | 'types' | 'description' | 'ordered' | 'secret'>,
  time: Time,
): Promise<WebhookRow> {
  const rows = await tx.query<WebhookRow>(
    `insert into registry.webhooks
       (id, account, url, types, description, ordered, secret, after_index, created_at, updated_at)
     select $1, $2, $3, $4, $5, $6, $7, h.index, ${NOW(8)}, ${NOW(8)} from registry.journal_head h
     returning ${COLUMNS}`,
    [row.id, row.account, row.url, row.types, row.description, row.ordered, row.secret, time],
  )
  return rows[0] as WebhookRow
}

/** To be called with every change of who wants what. */
export const moveSet = (tx: Transaction) => tx.query('update registry.webhook_set set version = version + 1')

export async function readSetVersion(on: Queryable): Promise<bigint> {
  const rows = await on.query<{ version: bigint }>('select version from registry.webhook_set')
  return (rows[0] as { version: bigint }).version
}

export interface ListenerRow {
  id: string
  account: string | null
  types: string[]
  after_index: bigint
}
/** Webhooks that want events. Those of a suspended account are queued too, and sent when it is active again. */
export const listListeners = (on: Queryable) =>
  on.query<ListenerRow>(
    `select w.id, w.account, w.types, w.after_index from registry.webhooks w
     where w.disabled_at is null order by w.id`,
  )

export const findWebhook = async (on: Queryable, id: string, account: string | null) =>
  (
    await on.query<WebhookRow>(
      `select ${COLUMNS} from registry.webhooks where id = $1 and account is not distinct from $2::uuid`,
      [id, account],
    )
  )[0]

/** The same for a change; rivals wait. */
export const lockWebhook = async (tx: Transaction, id: string, account: string | null) =>
  (
    await tx.query<WebhookRow>(
      `select ${COLUMNS} from registry.webhooks where id = $1 and account is not distinct from $2::uuid
       for no key update`,
      [id, account],
    )
  )[0]

/** Newest first. */
export const listWebhooks = (on: Queryable, account: string | null, after: string | null, limit: number) =>
  on.query<WebhookRow>(
    `select ${COLUMNS} from registry.webhooks
     where account is not distinct from $1::uuid and ($2::uuid is null or id < $2::uuid)
     order by id desc limit $3`,
    [account, after, limit],
  )

/** A changed address starts with a clean record. */
export async function updateWebhook(
  tx: Transaction,
  id: string,
  row: Pick<WebhookRow, 'url' | 'types' | 'description' | 'ordered'>,
  fresh: boolean,
  time: Time,
): Promise<WebhookRow> {
  const rows = await tx.query<WebhookRow>(
    `update registry.webhooks set url = $2, types = $3, description = $4, ordered = $5,
       failures = case when $6::boolean then 0 else failures end,
       failing_since = case when $6::boolean then null else failing_since end,
       paused_until = case when $6::boolean then null else paused_until end,
       updated_at = ${NOW(7)}
     where id = $1 returning ${COLUMNS}`,
    [id, row.url, row.types, row.description, row.ordered, fresh, time],
  )
  return rows[0] as WebhookRow
}

/** @returns false when it was disabled before */
export async function disableRow(
  tx: Transaction,
  id: string,
  reason: DisabledReason,
  time: Time,
): Promise<boolean> {
  const rows = await tx.query(
    `update registry.webhooks w set disabled_at = ${NOW(3)}, disabled_reason = $2, disabled_index = h.index,
       updated_at = ${NOW(3)}
     from registry.journal_head h where w.id = $1 and w.disabled_at is null returning w.id`,
    [id, reason, time],
  )
  return rows.length === 1
}

/** Enables a webhook with a clean record. */
export const enableRow = (tx: Transaction, id: string, time: Time) =>
  tx.query(
    `update registry.webhooks set disabled_at = null, disabled_reason = null, disabled_index = null,
       failures = 0, failing_since = null, paused_until = null, updated_at = ${NOW(2)}
     where id = $1`,
    [id, time],
  )

export async function replaceSecret(
  tx: Transaction,
  id: string,
  secret: string,
  overlapSeconds: number,
  time: Time,
): Promise<WebhookRow> {
  const rows = await tx.query<WebhookRow>(
    `update registry.webhooks set
       secret_before = case when $3::float8 > 0 then secret end,
       secret_before_until = case when $3::float8 > 0 then ${NOW(4)} + make_interval(secs => $3::float8) end,
       secret = $2, updated_at = ${NOW(4)}
     where id = $1 returning ${COLUMNS}`,
    [id, secret, overlapSeconds, time],
  )
  return rows[0] as WebhookRow
}

export const deleteWebhook = (tx: Transaction, id: string) =>
  tx.query('delete from registry.webhooks where id = $1', [id])

export const deleteWebhooksOf = (tx: Transaction, account: string) =>
  tx.query<{ id: string }>('delete from registry.webhooks where account = $1 returning id', [account])

/** What an owner asks for is tried at once. */
export const endPause = (tx: Transaction, id: string) =>
  tx.query('update registry.webhooks set paused_until = null where id = $1', [id])

export interface ClaimedRow extends WebhookRow {
  before_good: boolean
}
/**
 * Leases webhooks that have something due, those served longest ago first; rivals take others. `suspect`: those that
 * fail or are slow. A lease that has lapsed belongs to a process that died.
 */
export const claimWebhooks = (
  tx: Transaction,
  { limit, seconds, suspect }: { limit: number; seconds: number; suspect: boolean },
  time: Time,
) =>
  tx.query<ClaimedRow>(
    `with recursive backlog as (
       (select webhook from registry.webhook_queue order by webhook limit 1)
       union all
       select (select q.webhook from registry.webhook_queue q where q.webhook > b.webhook
               order by q.webhook limit 1)
       from backlog b where b.webhook is not null
     ), due as (
       select w.id from backlog b
       join registry.webhooks w on w.id = b.webhook
       left join registry.accounts a on a.id = w.account
       where w.disabled_at is null and (w.account is null or a.status = 'active')
         and (w.leased_until is null or w.leased_until <= ${NOW(4)})
         and (w.paused_until is null or w.paused_until <= ${NOW(4)})
         and (w.failures > 0 or w.slow) = $3
         and case when w.ordered
           then (select q.due_at from registry.webhook_queue q where q.webhook = w.id order by q.index limit 1)
           else (select q.due_at from registry.webhook_queue q where q.webhook = w.id order by q.due_at limit 1)
         end <= ${NOW(4)}
       order by w.served_at nulls first limit $1
       for no key update of w skip locked
     )
     update registry.webhooks w set lease = w.lease + 1, served_at = ${NOW(4)},
       leased_until = ${NOW(4)} + make_interval(secs => $2)
     from due where w.id = due.id
     returning ${COLUMNS.split(',')
       .map((name) => `w.${name.trim()}`)
       .join(', ')},
       coalesce(w.secret_before_until > ${NOW(4)}, false) as before_good`,
    [limit, seconds, suspect, time],
  )

/** What a lane has found out about its endpoint. */
export interface Health {
  failures: number
  /** Failures began with this record: it tells since when. */
  failing: 'no' | 'new' | 'still'
  pauseSeconds: number
  slow: boolean
}
/** Keeps it and prolongs the lease. @returns nothing when the lease is somebody else's by now */
export async function keepHealth(
  tx: Transaction,
  webhook: { id: string; lease: bigint },
  health: Health,
  seconds: number,
  time: Time,
): Promise<{ failing_seconds: number; disabled: boolean } | undefined> {
  const rows = await tx.query<{ failing_seconds: number; disabled: boolean }>(
    `update registry.webhooks set failures = $3, slow = $6,
       failing_since = case $4::text when 'no' then null when 'new' then ${NOW(8)} else coalesce(failing_since, ${NOW(8)}) end,
       paused_until = case when $5::float8 > 0 then ${NOW(8)} + make_interval(secs => $5::float8) end,
       leased_until = ${NOW(8)} + make_interval(secs => $7)
     where id = $1 and lease = $2
     returning disabled_at is not null as disabled,
       coalesce(extract(epoch from ${NOW(8)} - failing_since), 0)::float8 as failing_seconds`,
    [
      webhook.id,
      webhook.lease,
      health.failures,
      health.failing,
      health.pauseSeconds,
      health.slow,
      seconds,
      time,
    ],
  )
  return rows[0]
}

export const dropLease = (on: Database, webhook: { id: string; lease: bigint }) =>
  on.query('update registry.webhooks set leased_until = null where id = $1 and lease = $2', [
    webhook.id,
    webhook.lease,
  ])

/** Ends all leases: of an embedded database that has just been opened no other process holds one. */
export const dropAllLeases = (on: Queryable) =>
  on.query('update registry.webhooks set leased_until = null where leased_until is not null')

/** Address of the owner of a webhook. */
export const findOwner = async (tx: Transaction, account: string) =>
  (
    await tx.query<{ email: string }>(
      `select email from registry.accounts where id = $1 and status <> 'deleted'`,
      [account],
    )
  )[0]
