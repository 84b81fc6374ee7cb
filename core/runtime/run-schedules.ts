/** Runs the tasks of the timetable: each under its lease, each due time once, by the database's clock. */
import { type Context, idMaker } from '#core/platform/context.ts'
import { type Epoch, showEpoch, taskName } from '#core/platform/tasks/epoch.ts'
import { cadenceOf, describeLine, type TaskLine } from '#core/platform/tasks/line.ts'
import { jitterMs, nextSlot } from '#core/platform/tasks/slots.ts'
import type { Schedule, TimetableLine } from './define-schedule.ts'
import { type Alarm, openAlarm } from './leases/alarm.ts'
import { type Held, holdLease, leaseSettings } from './leases/hold-lease.ts'
import { systemTime } from './leases/time.ts'
import { type Vacancies, watchVacancies } from './leases/watch-vacancies.ts'
import { type Plan, planRun } from './plan-run.ts'
import { runOnce } from './run-once.ts'
import type { ScheduleDeps, TaskLook } from './schedule-deps.ts'

export interface Schedules {
  /** Tasks that this process holds, and the counters of their epochs. */
  held(): ReadonlyMap<string, bigint>
  /** Begins nothing more, lets what runs end within the grace, then aborts it; gives the leases back. */
  stop(graceMs?: number): Promise<void>
}

/** Channel of hints: the name of a task that is to be looked at, or nothing: a lease has become free. */
const TASKS_CHANNEL = 'tasks'

const STOP_GRACE_MS = 5_000
/** Pause after an error of the store. */
const RECOVER_MS = 2_000

interface Lane<C> extends TaskLine {
  readonly load: () => Promise<Schedule<C>>
  readonly alarm: Alarm
}

/** Starts competing for every task of the service. */
export function startSchedules<C extends Context>(deps: ScheduleDeps<C>): Schedules {
  const { resources, time = systemTime, settings = leaseSettings } = deps
  const newId = idMaker(resources.clock, resources.random)
  const hardStop = new AbortController()
  const lanes = Object.entries(deps.timetable)
    .filter(([, line]) => line.service === deps.service)
    .map(([task, line]) => laneOf<C>(task, line, openAlarm(time)))
  const tell = (message: string) =>
    resources.coordination.publish(TASKS_CHANNEL, message).catch(() => undefined)
  const store = {
    ...deps.leases,
    async releaseLease(name: string, token: string) {
      await deps.leases.releaseLease(name, token)
      await tell('')
    },
  }
  const vacancies = watchVacancies(deps.leases, time, settings.retryMs)
  const holders = new Map(
    lanes.map((lane) => {
      const { task } = lane
      const holder = holdLease<Epoch>({
        name: `task:${task}`,
        store,
        takeEpoch: () => deps.runs.takeEpoch(task, deps.holder),
        onRelease: (epoch) => deps.runs.release(task, epoch),
        onLost: () => deps.note?.({ task, what: 'lost', count: 1 }),
        work: (held) =>
          keepTime(deps, lane, held, hardStop.signal).finally(() =>
            deps.note?.({ task, what: 'left', count: 1 }),
          ),
        vacant: (signal) => vacancies.wait(`task:${task}`, signal),
        newToken: newId,
        log: resources.log,
        settings,
        time,
      })
      return [task, holder]
    }),
  )
  const unsubscribe = resources.coordination
    .subscribe(TASKS_CHANNEL, (message) => take(message, lanes, vacancies))
    // Without hints a look comes a little later.
    .catch(() => async () => undefined)
  return {
    held() {
      const held = new Map<string, bigint>()
      for (const [task, holder] of holders) {
        const epoch = holder.epoch()
        if (epoch !== null) held.set(task, epoch.counter)
      }
      return held
    },
    async stop(graceMs = STOP_GRACE_MS) {
      await (await unsubscribe)().catch(() => undefined)
      const over = new AbortController()
      const limit = time
        .sleep(graceMs, over.signal)
        .then(() => hardStop.abort(new Error('this instance is stopping')))
      await Promise.all([...holders.values()].map((holder) => holder.stop()))
      over.abort()
      await limit
    },
  }
}

function laneOf<C>(task: string, line: TimetableLine, alarm: Alarm): Lane<C> {
  let loaded: Promise<Schedule<C>> | undefined
  return {
    ...describeLine(task, line),
    alarm,
    load() {
      loaded ??= (line.load() as unknown as Promise<{ default: Schedule<C> }>).then(
        (module) => module.default,
      )
      return loaded
    },
  }
}

function take(
  message: string,
  lanes: readonly Lane<never>[] | readonly Lane<unknown>[],
  vacancies: Vacancies,
): void {
  if (message === '') vacancies.wake()
  for (const lane of lanes) if (lane.task === taskName(message)) lane.alarm.wake()
}

/** The due times of one task, for as long as this process holds it. */
async function keepTime<C extends Context>(
  deps: ScheduleDeps<C>,
  lane: Lane<C>,
  held: Held<Epoch>,
  hardStop: AbortSignal,
): Promise<void> {
  const { task, alarm } = lane
  const time = deps.time ?? systemTime
  let ranUntil: number | null = null
  let known = false
  deps.note?.({ task, what: 'taken', count: 1 })
  while (!held.ending.aborted) {
    try {
      if (!known) await deps.runs.register(task)
      known = true
      const look = await deps.runs.look(task, held.epoch)
      const line = { ...lane, cadence: cadenceOf(lane, look.everySeconds) }
      const plan = planRun(line, look, ranUntil)
      if (plan.do === 'sleep') await alarm.sleep(plan.milliseconds, held.ending)
      else ranUntil = (await act(deps, line, plan, look, held, hardStop)) ?? ranUntil
    } catch (error) {
      if ((error as Error | null)?.name === 'FencedOut') {
        deps.note?.({ task, what: 'fenced', count: 1 })
        held.abandon(error as Error)
      }
      if (held.ending.aborted) return
      deps.resources.log.error({ task, error }, 'a task could not be looked after; it is tried again')
      await time.sleep(RECOVER_MS, held.ending)
    }
  }
}

/** Does what was planned. @returns when a run of the clock ended */
async function act<C extends Context>(
  deps: ScheduleDeps<C>,
  lane: Lane<C>,
  plan: Exclude<Plan, { do: 'sleep' }>,
  look: TaskLook,
  held: Held<Epoch>,
  hardStop: AbortSignal,
): Promise<number | null> {
  const { task, cadence } = lane
  const slot = new Date(plan.slot)
  const missed = plan.do === 'pass' ? plan.missed : plan.do === 'run' ? (plan.advance?.missed ?? 0) : 0
  if (missed > 0) {
    deps.note?.({ task, what: 'missed', count: missed })
    deps.resources.log.warn({ task, count: missed }, 'due times of a task were passed over')
  }
  if (plan.do === 'pass') await deps.runs.pass(task, held.epoch, slot, missed)
  else if (plan.do === 'abandon') {
    deps.resources.log.warn(
      { task, run: slot.toISOString(), hint: showEpoch(held.epoch) },
      'a run that was left unfinished is given up',
    )
    await deps.runs.abandon(task, held.epoch, slot)
  } else {
    const next =
      lane.overlap === 'cancel' && plan.trigger !== 'manual' ? nextSlot(cadence, look.now.getTime()) : null
    const ended = await runOnce(deps, {
      task,
      slot,
      trigger: plan.trigger,
      advance: plan.advance,
      lagMs: plan.lagMs,
      cancelInMs: next === null ? null : next + jitterMs(task, next, cadence) - look.now.getTime(),
      load: lane.load,
      held,
      hardStop,
    })
    return plan.trigger === 'manual' ? null : (ended?.getTime() ?? null)
  }
  return null
}
