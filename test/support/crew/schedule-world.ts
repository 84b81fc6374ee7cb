/** Processes that share a database and run tasks by a time that tests move. */
import { type Context, idMaker, type Resources, systemRandom } from '#core/platform/context.ts'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Database } from '#core/platform/database/database.ts'
import { openLog } from '#core/platform/log.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import type { LineRules } from '#core/platform/tasks/line.ts'
import { taskFailed } from '#core/registry/tasks/events.ts'
import type { Schedule, Timetable } from '#core/runtime/define-schedule.ts'
import { startSchedules } from '#core/runtime/run-schedules.ts'
import type { RunMeasure } from '#core/runtime/schedule-deps.ts'
import { testClock } from '#test/support/clock.ts'
import { fakeTime } from '#test/support/time.ts'

export interface RunRow {
  slot: Date
  epoch: bigint
  attempt: number
  holder: string
  state: string
  counts: Record<string, number> | null
  error: string | null
}
/** The history of a task, oldest first. */
export const runsOf = (db: Database, task: string) =>
  db.query<RunRow>(
    `select slot, epoch, attempt, holder, state, counts, error from registry.task_runs where task = $1 order by slot`,
    [task],
  )

/** Makes a task known since a moment. */
export async function knowTask(db: Database, task: string, since: Date): Promise<void> {
  await db.query('insert into registry.tasks (task, known_since) values ($1, $2) on conflict do nothing', [
    task,
    since,
  ])
}

/** Makes them: nothing runs until `start`. */
export function scheduleWorld(db: Database) {
  // Not on a slot, so that the first due time is already past.
  const clock = testClock(new Date('2026-11-24T12:00:30.000Z'))
  const time = fakeTime({
    // Everything that waits for the database is behind the queue; a few turns let chains of statements end.
    settle: async () => {
      for (let i = 0; i < 8; i++) {
        await db.query('select 1')
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
    onMove: (milliseconds) => clock.advance(milliseconds),
  })
  const lines: string[] = []
  const measures: RunMeasure[] = []
  const coordination = openInProcess(() => time.monotonic())
  const resources: Resources = {
    db,
    coordination,
    clock,
    random: systemRandom,
    log: openLog({ write: (line) => lines.push(line) }),
  }
  const newId = idMaker(clock, systemRandom)
  const tellFailed: Parameters<typeof keepRuns>[3] = (tx, run) =>
    emitEvent(tx, { newId, time: clock.fixed }, taskFailed(run))
  const runs = {
    ...keepRuns(resources, 'registry', undefined, tellFailed),
    // Known since long, so that due times before the start of a test are a task's own.
    register: (task: string) => knowTask(db, task, new Date('2026-11-24T00:00:00.000Z')),
  }
  const start = (
    holder: string,
    tasks: Record<string, { everySeconds: number } & LineRules & Schedule<Context>>,
    leases: Pick<Coordination, 'acquireLease' | 'renewLease' | 'releaseLease'> = coordination,
  ) => {
    const timetable: Timetable = Object.fromEntries(
      Object.entries(tasks).map(([name, { everySeconds, catchUp, overlap, ...schedule }]) => [
        name,
        {
          service: 'registry' as const,
          everySeconds,
          ...(catchUp ? { catchUp } : {}),
          ...(overlap ? { overlap } : {}),
          load: async () => ({ default: schedule as Schedule<never> }),
        },
      ]),
    )
    return startSchedules<Context>({
      service: 'registry',
      timetable,
      resources,
      contextOf: (base) => base,
      runs,
      leases,
      holder,
      observe: (measure) => measures.push(measure),
      time,
    })
  }
  return { clock, time, coordination, lines, measures, start }
}
