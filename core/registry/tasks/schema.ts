/** Shapes of background tasks as operators see them. */
import { z } from 'zod'
import { PageOf, PageQuery, TimeOut } from '#core/base/shapes.ts'

/** The name of a task, with `_` or `-`. */
export const TaskPath = z.strictObject({ name: z.string().regex(/^[a-z][a-z0-9_-]{0,62}$/) })
export const RunsQuery = PageQuery

export const RunState = z.enum([
  'queued',
  'running',
  'completed',
  'failed',
  'timed_out',
  'interrupted',
  'cancelled',
  'abandoned',
])

export const TaskRun = z
  .strictObject({
    task: z.string(),
    /** The due time; a manual run's is the moment in which it was asked for. */
    slot: TimeOut,
    trigger: z.enum(['clock', 'catchup', 'manual']),
    state: RunState,
    /** How often it was begun: more than once after a holder died. */
    attempt: z.int().min(0),
    /** `<incarnation>.<counter>` of the holder; null while queued. */
    epoch: z.string().nullable(),
    holder: z.string().nullable(),
    started_at: TimeOut.nullable(),
    finished_at: TimeOut.nullable(),
    counts: z.record(z.string(), z.number()).nullable(),
    error: z.string().nullable(),
    asked_by: z.string().nullable(),
  })
  .meta({ id: 'TaskRun' })
export type TaskRun = z.output<typeof TaskRun>
export const TaskRunPage = PageOf(TaskRun)

export const Task = z
  .strictObject({
    name: z.string(),
    /** Seconds between due times; null where a cron expression says when. */
    every_seconds: z.int().nullable(),
    cron: z.string().nullable(),
    time_zone: z.string(),
    /** The setting that changes the interval; null: it is fixed. */
    interval_setting: z.string().nullable(),
    catch_up: z.enum(['none', 'latest', 'all']),
    overlap: z.enum(['skip', 'queue-one', 'cancel']),
    status: z.enum(['active', 'paused']),
    paused_at: TimeOut.nullable(),
    paused_by: z.string().nullable(),
    /** The process that holds the task now; null: nobody. */
    leader: z.string().nullable(),
    /** Seconds since it took the task. */
    age_seconds: z.number().nullable(),
    epoch: z.string().nullable(),
    known_since: TimeOut.nullable(),
    /** Due times that were passed over. */
    missed: z.int().min(0),
    last_run: TaskRun.nullable(),
    last_success_at: TimeOut.nullable(),
    /** A run was asked for and has not begun. */
    queued: z.boolean(),
    /** The next due times; none while paused. */
    next_runs: z.array(TimeOut),
  })
  .meta({ id: 'Task' })
export type Task = z.output<typeof Task>
export const TaskPage = PageOf(Task)
