/** Statements of background tasks: epochs, leases of the time without Redis, runs. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

type Time = Date | null

export const readClock = (db: Queryable, time: Time) =>
  db.query<{ now: Date }>('select coalesce($1::timestamptz, clock_timestamp()) as now', [time])

/** Waits for open transactions of the holder before: their epoch is locked in share mode. */
export const nextEpoch = (tx: Transaction, task: string, holder: string, time: Time) =>
  tx.query<{ epoch: bigint }>(
    `insert into registry.task_epochs as t (task, epoch, holder, acquired_at)
     values ($1, 1, $2, coalesce($3::timestamptz, clock_timestamp()))
     on conflict (task) do update set epoch = t.epoch + 1, holder = excluded.holder,
       acquired_at = excluded.acquired_at, released_at = null
     returning epoch`,
    [task, holder, time],
  )

export const markReleased = (tx: Transaction, task: string, epoch: bigint, time: Time) =>
  tx.query(
    `update registry.task_epochs set released_at = coalesce($3::timestamptz, clock_timestamp())
     where task = $1 and epoch = $2`,
    [task, epoch, time],
  )

export const lockEpoch = (tx: Transaction, task: string) =>
  tx.query<{ epoch: bigint }>('select epoch from registry.task_epochs where task = $1 for share', [task])

export const takeLeaseRow = (tx: Transaction, name: string, token: string, ttlMs: number, time: Time) =>
  tx.query(
    `insert into registry.task_leases as l (name, token, until)
     values ($1, $2, coalesce($4::timestamptz, clock_timestamp()) + $3::float8 * interval '1 millisecond')
     on conflict (name) do update set token = excluded.token, until = excluded.until
     where l.token = excluded.token or l.until <= coalesce($4::timestamptz, clock_timestamp())
     returning name`,
    [name, token, ttlMs, time],
  )

export const dropLeaseRow = (tx: Transaction, name: string, token: string) =>
  tx.query('delete from registry.task_leases where name = $1 and token = $2', [name, token])

export interface ClaimValues {
  task: string
  slot: Date
  epoch: bigint
  holder: string
  trigger: 'clock' | 'manual'
}

/** A new run, or one that an older holder left unfinished. */
export const claimRun = (tx: Transaction, run: ClaimValues, time: Time) =>
  tx.query<{ attempt: number }>(
    `insert into registry.task_runs as r (task, slot, epoch, attempt, holder, trigger, state, started_at)
     values ($1, $2, $3, 1, $4, $5, 'running', coalesce($6::timestamptz, clock_timestamp()))
     on conflict (task, slot) do update set epoch = excluded.epoch, attempt = r.attempt + 1,
       holder = excluded.holder, state = 'running', started_at = excluded.started_at,
       finished_at = null, counts = null, error = null
     where r.state in ('running', 'interrupted') and r.epoch < excluded.epoch
     returning attempt`,
    [run.task, run.slot, run.epoch, run.holder, run.trigger, time],
  )

export interface FinishValues {
  task: string
  slot: Date
  epoch: bigint
  state: 'completed' | 'failed' | 'timed_out' | 'interrupted'
  counts: Readonly<Record<string, number>>
  error: string | null
}

export const finishRun = (tx: Transaction, run: FinishValues, time: Time) =>
  tx.query(
    `update registry.task_runs set state = $4, counts = $5::json, error = $6,
       finished_at = coalesce($7::timestamptz, clock_timestamp())
     where task = $1 and slot = $2 and epoch = $3 and state = 'running'
     returning task`,
    [run.task, run.slot, run.epoch, run.state, JSON.stringify(run.counts), run.error, time],
  )

export const dropOldRuns = (tx: Transaction, task: string, before: Date) =>
  tx.query('delete from registry.task_runs where task = $1 and slot < $2', [task, before])

export interface TaskStateRow {
  task: string
  epoch: bigint
  holder: string
  acquired_at: Date
  released_at: Date | null
  slot: Date | null
  state: string | null
  attempt: number | null
  started_at: Date | null
  finished_at: Date | null
  counts: Record<string, number> | null
  error: string | null
}

export const listTaskStates = (db: Queryable) =>
  db.query<TaskStateRow>(
    `select e.task, e.epoch, e.holder, e.acquired_at, e.released_at,
       r.slot, r.state, r.attempt, r.started_at, r.finished_at, r.counts, r.error
     from registry.task_epochs e
     left join lateral (select * from registry.task_runs where task = e.task order by slot desc limit 1) r on true
     order by e.task`,
  )
