/** One look at one task on behalf of a timer: for hosts where nothing runs between two events. */
import { type Context, idMaker, type Resources } from '#core/platform/context.ts'
import { type Epoch, FencedOut } from '#core/platform/tasks/epoch.ts'
import { cadenceOf, type TaskLine } from '#core/platform/tasks/line.ts'
import { jitterMs, latestSlot } from '#core/platform/tasks/slots.ts'
import type { Schedule } from './define-schedule.ts'
import {
  type Held,
  holdLease,
  type LeaseSettings,
  type LeaseStore,
  leaseSettings,
} from './leases/hold-lease.ts'
import { systemTime, type Time } from './leases/time.ts'
import { planRun } from './plan-run.ts'
import { runOnce } from './run-once.ts'
import type { Outcome, RunStore } from './schedule-deps.ts'

export interface TimerDeps<C extends Context> {
  readonly service: 'registry' | 'teg'
  readonly line: TaskLine
  readonly schedule: Schedule<C>
  readonly resources: Resources
  readonly contextOf: (base: Context) => C
  readonly runs: RunStore
  readonly leases: LeaseStore
  /** Name of this instance in the history. */
  readonly holder: string
  /** Aborts shortly before the host ends the instance: what is at work is recorded as interrupted, for the next timer. */
  readonly signal: AbortSignal
  readonly settings?: LeaseSettings
  readonly time?: Time
}

/** What one look has done. `busy`: another instance holds the task, and looks for itself. */
export interface TimerResult {
  readonly state: 'done' | 'busy'
  /** Runs that came to an end, in order. */
  readonly ran: readonly { readonly slot: string; readonly state: Outcome['state'] }[]
}

/** Runs of one look: a catch-up of many due times goes on with the next timer. */
const RUNS_MAX = 100
/** A start that is spread by less than this is waited for; a later one is the next timer's. */
const WAIT_MS_MAX = 31_000

/**
 * Does what is due, under the task's lease and fence. A timer is a hint that may come twice, late or at the same time as
 * others: what is due is found in the database, by its clock, so that each due time is run once.
 * @throws when a run did not complete, so that the host counts it as failed; and the store's errors
 */
export async function runTimer<C extends Context>(deps: TimerDeps<C>): Promise<TimerResult> {
  const { line, resources, time = systemTime } = deps
  const outcome = Promise.withResolvers<TimerResult>()
  const failing = (error: unknown): never => {
    outcome.reject(error)
    throw error
  }
  const holder = holdLease<Epoch>({
    name: `task:${line.task}`,
    store: {
      ...deps.leases,
      acquireLease: (name, token, ttlMs) => deps.leases.acquireLease(name, token, ttlMs).catch(failing),
    },
    takeEpoch: () => deps.runs.takeEpoch(line.task, deps.holder).catch(failing),
    onRelease: (epoch) => deps.runs.release(line.task, epoch),
    work: (held) => look(deps, held).then(outcome.resolve, outcome.reject),
    vacant: async (signal) => {
      outcome.resolve({ state: 'busy', ran: [] })
      await time.sleep(WAIT_MS_MAX, signal)
    },
    newToken: idMaker(resources.clock, resources.random),
    log: resources.log,
    settings: deps.settings ?? leaseSettings,
    time,
  })
  try {
    return await outcome.promise
  } finally {
    await holder.stop()
  }
}

class RunsFailed extends Error {
  constructor(task: string, ran: TimerResult['ran']) {
    super(`${task}: ${ran.map(({ slot, state }) => `${slot} ${state}`).join(', ')}`)
    this.name = 'RunsFailed'
  }
}

async function look<C extends Context>(deps: TimerDeps<C>, held: Held<Epoch>): Promise<TimerResult> {
  const { line, resources, runs, signal, time = systemTime } = deps
  const { task } = line
  const ran: { slot: string; state: Outcome['state'] }[] = []
  let ranUntil: number | null = null
  const recorded: RunStore = {
    ...runs,
    finish(run) {
      ran.push({ slot: run.slot.toISOString(), state: run.state })
      return runs.finish(run)
    },
  }
  await runs.register(task)
  while (!held.ending.aborted && !signal.aborted && ran.length < RUNS_MAX) {
    const seen = await runs.look(task, held.epoch)
    const due = { ...line, cadence: cadenceOf(line, seen.everySeconds) }
    const plan = planRun(due, seen, ranUntil)
    if (plan.do === 'sleep') {
      // Only the spread of a start that this very timer is for is waited for: never the next due time.
      if (seen.paused || !isSpread(due, seen.now.getTime())) break
      await time.sleep(plan.milliseconds, AbortSignal.any([signal, held.ending]))
    } else if (plan.do === 'pass') await runs.pass(task, held.epoch, new Date(plan.slot), plan.missed)
    else if (plan.do === 'abandon') await runs.abandon(task, held.epoch, new Date(plan.slot))
    else {
      const ended = await runOnce(
        { ...deps, timetable: {}, runs: recorded, time },
        {
          task,
          slot: new Date(plan.slot),
          trigger: plan.trigger,
          advance: plan.advance,
          lagMs: plan.lagMs,
          cancelInMs: null,
          load: async () => deps.schedule,
          held,
          hardStop: signal,
        },
      )
      if (plan.trigger !== 'manual') ranUntil = ended?.getTime() ?? ranUntil
    }
  }
  if (held.lost.aborted && held.lost.reason instanceof FencedOut) throw held.lost.reason
  if (ran.some(({ state }) => state !== 'completed' && state !== 'cancelled')) throw new RunsFailed(task, ran)
  resources.log.debug({ task, count: ran.length }, 'a timer has looked after a task')
  return { state: 'done', ran }
}

/** True between a due time and its start a little after it. */
function isSpread({ task, cadence }: TaskLine, now: number): boolean {
  const slot = latestSlot(cadence, now)
  if (slot === null) return false
  const leftMs = slot + jitterMs(task, slot, cadence) - now
  return leftMs > 0 && leftMs <= WAIT_MS_MAX
}
