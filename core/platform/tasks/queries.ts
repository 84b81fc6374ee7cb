/** Statements of background tasks: epochs, leases, runs. The same tables stand in the schema of each service. */
import type { Queryable, Transaction } from '../database/database.ts'
import type { Epoch } from './epoch.ts'

type Time = Date | null
export type Schema = 'registry' | 'teg'
/** In the TEG's schema `task_epochs` is what the gate has seen of the registry's tasks. */
const epochs: Readonly<Record<Schema, string>> = {
  registry: 'registry.task_epochs',
  teg: 'teg.singleton_epochs',
}
export type Trigger = 'clock' | 'catchup' | 'manual'

/** Waits for open transactions of the holder before: their epoch is locked in share mode. */
export const nextEpoch = (on: Queryable, s: Schema, task: string, holder: string, time: Time) =>
  on.query<{ incarnation: number; epoch: bigint }>(
    `insert into ${epochs[s]} as t (task, incarnation, epoch, holder, acquired_at)
     values ($1, (select i.number from ${s}.incarnation i), 1, $2, coalesce($3::timestamptz, clock_timestamp()))
     on conflict (task) do update set incarnation = excluded.incarnation, epoch = t.epoch + 1,
       holder = excluded.holder, acquired_at = excluded.acquired_at, released_at = null
     returning incarnation, epoch`,
    [task, holder, time],
  )

/** Lifts the incarnation above one that somebody has seen. */
export const raiseIncarnation = (on: Queryable, s: Schema, seen: number) =>
  on.query<{ number: number }>(
    `update ${s}.incarnation set number = greatest(number, $1::integer) + 1 returning number`,
    [seen],
  )

export const markReleased = (on: Queryable, s: Schema, task: string, epoch: Epoch, time: Time) =>
  on.query(
    `update ${epochs[s]} set released_at = coalesce($4::timestamptz, clock_timestamp())
     where task = $1 and incarnation = $2 and epoch = $3`,
    [task, epoch.incarnation, epoch.counter, time],
  )

/**
 * Until the transaction ends nobody gets a newer epoch. A process that freezes inside it must not hold that up for ever:
 * the server ends a transaction that is idle for so long (0: never).
 */
export const lockEpoch = (tx: Transaction, s: Schema, task: string, idleMs: number) =>
  tx.query<{ incarnation: number; epoch: bigint }>(
    `select incarnation, epoch, set_config('idle_in_transaction_session_timeout', $2::text, true)
     from ${epochs[s]} where task = $1 for share`,
    [task, String(Math.ceil(idleMs))],
  )

export const takeLeaseRow = (
  on: Queryable,
  s: Schema,
  name: string,
  token: string,
  ttlMs: number,
  time: Time,
) =>
  on.query(
    `insert into ${s}.task_leases as l (name, token, until)
     values ($1, $2, coalesce($4::timestamptz, clock_timestamp()) + $3::float8 * interval '1 millisecond')
     on conflict (name) do update set token = excluded.token, until = excluded.until
     where l.token = excluded.token or l.until <= coalesce($4::timestamptz, clock_timestamp())
     returning name`,
    [name, token, ttlMs, time],
  )

export const dropLeaseRow = (on: Queryable, s: Schema, name: string, token: string) =>
  on.query(`delete from ${s}.task_leases where name = $1 and token = $2`, [name, token])

export const listHeldLeases = (on: Queryable, s: Schema, names: readonly string[], time: Time) =>
  on.query<{ name: string }>(
    `select name from ${s}.task_leases
     where name = any($1::text[]) and until > coalesce($2::timestamptz, clock_timestamp())`,
    [names, time],
  )

export const registerTask = (on: Queryable, s: Schema, task: string, time: Time) =>
  on.query(
    `insert into ${s}.tasks (task, known_since) values ($1, coalesce($2::timestamptz, clock_timestamp()))
     on conflict (task) do nothing`,
    [task, time],
  )

export interface OpenRunRow {
  slot: string
  trigger: Trigger
  state: 'queued' | 'running' | 'interrupted'
  attempt: number
}
export interface LookRow {
  now: Date
  known_since: Date
  last_slot: Date | null
  paused: boolean
  every: string | null
  open: OpenRunRow[]
}

/** Runs of one look that a new holder may have to finish. */
const OPEN_MAX = 100

/** The time, what is known of a task, and what older holders have left open: one statement, for every look. */
export const lookAtTask = (
  on: Queryable,
  s: Schema,
  task: string,
  epoch: Epoch,
  setting: string,
  time: Time,
) =>
  on.query<LookRow>(
    `select coalesce($4::timestamptz, clock_timestamp()) as now, t.known_since, t.last_slot,
       t.paused_at is not null as paused,
       ${s === 'registry' ? '(select v.value from registry.settings v where v.name = $5)' : '$5::text'} as every,
       coalesce((select json_agg(json_build_object('slot', o.slot, 'trigger', o.trigger, 'state', o.state,
           'attempt', o.attempt) order by o.slot)
         from (select slot, trigger, state, attempt from ${s}.task_runs
           where task = $1 and state in ('queued', 'running', 'interrupted')
             and (incarnation, epoch) < ($2::integer, $3::bigint)
           order by slot limit ${OPEN_MAX}) o), '[]'::json) as open
     from ${s}.tasks t where t.task = $1`,
    [task, epoch.incarnation, epoch.counter, time, s === 'registry' ? setting : null],
  )

export interface ClaimValues {
  task: string
  slot: Date
  epoch: Epoch
  holder: string
  trigger: Trigger
}

/** A new run, one that an older holder left unfinished, or one that somebody has asked for. */
export const claimRun = (tx: Transaction, s: Schema, run: ClaimValues, time: Time) =>
  tx.query<{ attempt: number }>(
    `insert into ${s}.task_runs as r (task, slot, incarnation, epoch, attempt, holder, trigger, state, started_at)
     values ($1, $2, $3, $4, 1, $5, $6, 'running', coalesce($7::timestamptz, clock_timestamp()))
     on conflict (task, slot) do update set incarnation = excluded.incarnation, epoch = excluded.epoch,
       attempt = r.attempt + 1, holder = excluded.holder, state = 'running', started_at = excluded.started_at,
       finished_at = null, counts = null, error = null
     where r.state in ('queued', 'running', 'interrupted')
       and (r.incarnation, r.epoch) < (excluded.incarnation, excluded.epoch)
     returning attempt`,
    [run.task, run.slot, run.epoch.incarnation, run.epoch.counter, run.holder, run.trigger, time],
  )

/** Notes how far the due times have been dealt with, and how many of them were passed over. */
export const moveLastSlot = (tx: Transaction, s: Schema, task: string, slot: Date, missed: number) =>
  tx.query(`update ${s}.tasks set last_slot = $2, missed = missed + $3::bigint where task = $1`, [
    task,
    slot,
    missed,
  ])

/** Gives up a run that an older holder has left unfinished. */
export const abandonRun = (tx: Transaction, s: Schema, task: string, slot: Date, epoch: Epoch, time: Time) =>
  tx.query(
    `update ${s}.task_runs set state = 'abandoned',
       finished_at = coalesce(finished_at, $5::timestamptz, clock_timestamp())
     where task = $1 and slot = $2 and state in ('queued', 'running', 'interrupted')
       and (incarnation, epoch) < ($3::integer, $4::bigint)
     returning task`,
    [task, slot, epoch.incarnation, epoch.counter, time],
  )

export interface FinishValues {
  task: string
  slot: Date
  epoch: Epoch
  state: 'completed' | 'failed' | 'timed_out' | 'interrupted' | 'cancelled'
  counts: Readonly<Record<string, number>>
  error: string | null
}

export const finishRun = (tx: Transaction, s: Schema, run: FinishValues, time: Time) =>
  tx.query<{ finished_at: Date }>(
    `update ${s}.task_runs set state = $5, counts = $6::json, error = $7,
       finished_at = coalesce($8::timestamptz, clock_timestamp())
     where task = $1 and slot = $2 and incarnation = $3 and epoch = $4 and state = 'running'
     returning finished_at`,
    [
      run.task,
      run.slot,
      run.epoch.incarnation,
      run.epoch.counter,
      run.state,
      JSON.stringify(run.counts),
      run.error,
      time,
    ],
  )

/** Forgets runs older than the newest `kept` ones, but none that is still open. */
export const dropOldRuns = (tx: Transaction, s: Schema, task: string, kept: number) =>
  tx.query(
    `delete from ${s}.task_runs where task = $1 and state not in ('queued', 'running')
       and slot < (select slot from ${s}.task_runs where task = $1 order by slot desc offset $2::integer limit 1)`,
    [task, kept],
  )
