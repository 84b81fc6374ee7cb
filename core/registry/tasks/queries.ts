/** Statements with which operators see and steer background tasks. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

type Time = Date | null

export interface RunRow {
  task: string
  slot: Date
  trigger: 'clock' | 'catchup' | 'manual'
  state:
    | 'queued'
    | 'running'
    | 'completed'
    | 'failed'
    | 'timed_out'
    | 'interrupted'
    | 'cancelled'
    | 'abandoned'
  attempt: number
  incarnation: number
  epoch: bigint
  holder: string
  started_at: Date
  finished_at: Date | null
  counts: Record<string, number> | null
  error: string | null
  asked_by: string | null
}
const RUN = `r.task, r.slot, r.trigger, r.state, r.attempt, r.incarnation, r.epoch, r.holder, r.started_at,
  r.finished_at, r.counts, r.error, r.asked_by`

export interface TaskStateRow {
  task: string
  epoch: bigint
  incarnation: number
  holder: string
  acquired_at: Date
  released_at: Date | null
  /** False when the lease has lapsed and nobody has taken it. */
  alive: boolean
  slot: Date | null
  state: RunRow['state'] | null
  attempt: number | null
  started_at: Date | null
  finished_at: Date | null
  counts: Record<string, number> | null
  error: string | null
}

export const listTaskStates = (db: Queryable, time: Time) =>
  db.query<TaskStateRow>(
    `select e.task, e.epoch, e.incarnation, e.holder, e.acquired_at, e.released_at,
       l.until is null or l.until > coalesce($1::timestamptz, clock_timestamp()) as alive,
       r.slot, r.state, r.attempt, r.started_at, r.finished_at, r.counts, r.error
     from registry.task_epochs e
     left join registry.task_leases l on l.name = 'task:' || e.task
     left join lateral (select * from registry.task_runs
       where task = e.task and state <> 'queued' order by slot desc limit 1) r on true
     order by e.task`,
    [time],
  )

export interface TaskFactsRow {
  task: string
  known_since: Date
  last_slot: Date | null
  missed: bigint
  paused_at: Date | null
  paused_by: string | null
  /** Seconds that an operator has set. */
  every: string | null
  succeeded_at: Date | null
  queued: boolean
  now: Date
}

/** What is known of tasks beside who leads them; `task` null: of all. */
export const listTaskFacts = (on: Queryable, task: string | null, time: Time) =>
  on.query<TaskFactsRow>(
    `select t.task, t.known_since, t.last_slot, t.missed, t.paused_at, t.paused_by,
       (select s.value from registry.settings s
        where s.name = 'task_' || replace(t.task, '-', '_') || '_interval_seconds') as every,
       (select r.finished_at from registry.task_runs r
        where r.task = t.task and r.state = 'completed' order by r.slot desc limit 1) as succeeded_at,
       exists (select from registry.task_runs r where r.task = t.task and r.state = 'queued') as queued,
       coalesce($2::timestamptz, clock_timestamp()) as now
     from registry.tasks t where $1::text is null or t.task = $1 order by t.task`,
    [task, time],
  )

/** Runs of a task, the newest due time first. */
export const listRuns = (on: Queryable, task: string, before: string | null, limit: number) =>
  on.query<RunRow>(
    `select ${RUN} from registry.task_runs r
     where r.task = $1 and ($2::timestamptz is null or r.slot < $2::timestamptz) order by r.slot desc limit $3`,
    [task, before, limit],
  )

/** Makes the task known if it is not, and lets one act on it at a time. */
export async function lockTask(tx: Transaction, task: string, time: Time) {
  await tx.query(
    `insert into registry.tasks (task, known_since) values ($1, coalesce($2::timestamptz, clock_timestamp()))
     on conflict (task) do nothing`,
    [task, time],
  )
  const rows = await tx.query<{ paused_at: Date | null; paused_by: string | null }>(
    'select paused_at, paused_by from registry.tasks where task = $1 for update',
    [task],
  )
  return rows[0] as { paused_at: Date | null; paused_by: string | null }
}

export const setPaused = (tx: Transaction, task: string, by: string, time: Time) =>
  tx.query(
    `update registry.tasks set paused_at = coalesce($3::timestamptz, clock_timestamp()), paused_by = $2
     where task = $1`,
    [task, by, time],
  )

/** Due times of the pause are nobody's. */
export const setResumed = (tx: Transaction, task: string, time: Time) =>
  tx.query(
    `update registry.tasks set paused_at = null, paused_by = null,
       known_since = coalesce($2::timestamptz, clock_timestamp()) where task = $1`,
    [task, time],
  )

export async function findQueuedRun(tx: Transaction, task: string): Promise<RunRow | undefined> {
  const rows = await tx.query<RunRow>(
    `select ${RUN} from registry.task_runs r where r.task = $1 and r.state = 'queued' order by r.slot limit 1`,
    [task],
  )
  return rows[0]
}

/** Asks for a run. Its due time is now, never that of another run and never a whole second, which is the clock's. */
export async function insertQueuedRun(
  tx: Transaction,
  task: string,
  by: string,
  time: Time,
): Promise<RunRow> {
  const rows = await tx.query<RunRow>(
    `insert into registry.task_runs as r (task, slot, incarnation, epoch, attempt, holder, trigger, state, started_at, asked_by)
     select $1, m.slot + case when date_trunc('second', m.slot) = m.slot then interval '1 millisecond'
       else interval '0' end, 0, 0, 0, '', 'manual', 'queued', m.now, $2
     from (select n.now, greatest(date_trunc('milliseconds', n.now),
         (select max(o.slot) + interval '1 millisecond' from registry.task_runs o
          where o.task = $1 and o.trigger = 'manual')) as slot
       from (select coalesce($3::timestamptz, clock_timestamp()) as now) n) m
     returning ${RUN}`,
    [task, by, time],
  )
  return rows[0] as RunRow
}
