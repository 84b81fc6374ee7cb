/** Every task of the timetable: its cadence, who leads it since when, its last run, its next due times. */
import type { Queryable } from '#core/platform/database/database.ts'
import { publicName, showEpoch } from '#core/platform/tasks/epoch.ts'
import { intervalSetting } from '#core/platform/tasks/keep-runs.ts'
import { cadenceOf, type TaskLine } from '#core/platform/tasks/line.ts'
import { jitterMs, nextSlots } from '#core/platform/tasks/slots.ts'
import type { RegistryContext } from '../context.ts'
import {
  listRuns,
  listTaskFacts,
  listTaskStates,
  type RunRow,
  type TaskFactsRow,
  type TaskStateRow,
} from './queries.ts'
import type { Task } from './schema.ts'
import { showRun } from './show-run.ts'

/** How many due times ahead are shown. */
const NEXT_MAX = 5

/** In one page: the timetable is short. */
export async function listTasks(ctx: RegistryContext): Promise<{ items: Task[]; next_cursor: null }> {
  return { items: await readLines(ctx, ctx.db, ctx.tasks), next_cursor: null }
}

/** One task as it stands, inside a transaction too. */
export async function showTask(ctx: RegistryContext, on: Queryable, line: TaskLine): Promise<Task> {
  const [task] = await readLines(ctx, on, [line])
  return task as Task
}

async function readLines(ctx: RegistryContext, on: Queryable, lines: readonly TaskLine[]): Promise<Task[]> {
  const only = lines.length === 1 ? (lines[0] as TaskLine).task : null
  const facts = new Map((await listTaskFacts(on, only, ctx.time)).map((row) => [row.task, row]))
  const states = new Map((await listTaskStates(on, ctx.time)).map((row) => [row.task, row]))
  const tasks: Task[] = []
  for (const line of lines) {
    const state = states.get(line.task)
    const last = state?.slot ? (await listRuns(on, line.task, null, 2)).find(isBegun) : undefined
    tasks.push(toTask(ctx, line, facts.get(line.task), state, last))
  }
  return tasks
}

const isBegun = ({ state }: RunRow) => state !== 'queued'

function toTask(
  ctx: RegistryContext,
  line: TaskLine,
  facts: TaskFactsRow | undefined,
  state: TaskStateRow | undefined,
  last: RunRow | undefined,
): Task {
  const cadence = cadenceOf(line, facts?.every ? Number(facts.every) : null)
  const now = (facts?.now ?? ctx.clock.now()).getTime()
  const paused = facts?.paused_at != null
  const leads = state !== undefined && isLed(state)
  return {
    name: publicName(line.task),
    every_seconds: cadence.everySeconds ?? null,
    cron: cadence.cron ?? null,
    time_zone: cadence.timeZone ?? 'UTC',
    interval_setting: line.interval ? intervalSetting(line.task) : null,
    catch_up: typeof line.catchUp === 'object' ? 'all' : line.catchUp,
    overlap: line.overlap,
    status: paused ? 'paused' : 'active',
    paused_at: facts?.paused_at?.toISOString() ?? null,
    paused_by: facts?.paused_by ?? null,
    leader: leads ? state.holder : null,
    age_seconds: leads ? Math.max(0, Math.round((now - state.acquired_at.getTime()) / 1000)) : null,
    epoch: state ? showEpoch({ incarnation: state.incarnation, counter: state.epoch }) : null,
    known_since: facts?.known_since.toISOString() ?? null,
    missed: Number(facts?.missed ?? 0),
    last_run: last ? showRun(last) : null,
    last_success_at: facts?.succeeded_at?.toISOString() ?? null,
    queued: facts?.queued ?? false,
    next_runs: paused
      ? []
      : nextSlots(cadence, now, NEXT_MAX).map((slot) =>
          new Date(slot + jitterMs(line.task, slot, cadence)).toISOString(),
        ),
  }
}

/** Given back or lapsed: nobody leads it. */
export const isLed = ({ released_at, alive }: TaskStateRow): boolean => released_at === null && alive
