/** Runs the tasks of the timetable: each under its lease, each due time once, by the database's clock. */
import { type Context, idMaker } from '#core/platform/context.ts'
import type { Schedule } from './define-schedule.ts'
import { type Held, holdLease } from './leases/hold-lease.ts'
import { systemTime } from './leases/time.ts'
import { runOnce } from './run-once.ts'
import type { ScheduleDeps } from './schedule-deps.ts'

export interface Schedules {
  /** Tasks that this process holds, and their epochs. */
  held(): ReadonlyMap<string, bigint>
  /** Begins nothing more, lets what runs end within the grace, then aborts it; gives the leases back. */
  stop(graceMs?: number): Promise<void>
}

/** Longest sleep between two looks at the database's clock, which may be set. */
const LOOK_MS_MAX = 30_000
const STOP_GRACE_MS = 5_000
/** Pause after an error of the store. */
const RECOVER_MS = 2_000
/** Starts spread over this part of the period, at most half a minute, so that tasks don't all start on the minute. */
const JITTER_PART = 0.1
const JITTER_MS_MAX = 30_000

/** Starts competing for every task of the service. */
export function startSchedules<C extends Context>(deps: ScheduleDeps<C>): Schedules {
  const newId = idMaker(deps.resources.clock, deps.resources.random)
  const hardStop = new AbortController()
  const lines = Object.entries(deps.timetable).filter(([, line]) => line.service === deps.service)
  const holders = new Map(
    lines.map(([task, line]) => {
      const load = onceLoaded(line.load as () => Promise<{ default: Schedule<C> }>)
      const holder = holdLease({
        name: `task:${task}`,
        store: deps.leases,
        takeEpoch: () => deps.runs.takeEpoch(task, deps.holder),
        onRelease: (epoch) => deps.runs.release(task, epoch),
        work: (held) => keepTime(deps, task, line.everySeconds, load, held, hardStop.signal),
        newToken: newId,
        log: deps.resources.log,
        ...(deps.settings ? { settings: deps.settings } : {}),
        ...(deps.time ? { time: deps.time } : {}),
      })
      return [task, holder]
    }),
  )
  return {
    held() {
      const held = new Map<string, bigint>()
      for (const [task, holder] of holders) {
        const epoch = holder.epoch()
        if (epoch !== null) held.set(task, epoch)
      }
      return held
    },
    async stop(graceMs = STOP_GRACE_MS) {
      const over = new AbortController()
      const limit = (deps.time ?? systemTime)
        .sleep(graceMs, over.signal)
        .then(() => hardStop.abort(new Error('this instance is stopping')))
      await Promise.all([...holders.values()].map((holder) => holder.stop()))
      over.abort()
      await limit
    },
  }
}

/** The slots of one task, for as long as this process holds it. Missed ones are not made up for: the latest is run. */
async function keepTime<C extends Context>(
  deps: ScheduleDeps<C>,
  task: string,
  everySeconds: number,
  load: () => Promise<Schedule<C>>,
  held: Held,
  hardStop: AbortSignal,
): Promise<void> {
  const time = deps.time ?? systemTime
  let last = Number.NEGATIVE_INFINITY
  while (!held.ending.aborted) {
    try {
      const now = (await deps.runs.readClock()).getTime()
      const slot = slotAt(now, everySeconds)
      const dueAt = slot + jitterMs(task, slot, everySeconds)
      if (slot === last || now < dueAt) {
        const next = slot === last ? slot + everySeconds * 1000 : slot
        const wait = next + jitterMs(task, next, everySeconds) - now
        await time.sleep(Math.min(Math.max(wait, 1), LOOK_MS_MAX), held.ending)
        continue
      }
      await runOnce(deps, {
        task,
        everySeconds,
        slot: new Date(slot),
        lagMs: now - dueAt,
        load,
        held,
        hardStop,
      })
      last = slot
    } catch (error) {
      if (held.ending.aborted) return
      deps.resources.log.error({ task, error }, 'a task could not be looked after; it is tried again')
      await time.sleep(RECOVER_MS, held.ending)
    }
  }
}

/** The due time at or before a moment: whole periods since 1970 in UTC. */
export const slotAt = (now: number, everySeconds: number): number =>
  Math.floor(now / (everySeconds * 1000)) * everySeconds * 1000

/** How long after its slot a task starts: always the same for the same slot. */
export function jitterMs(task: string, slot: number, everySeconds: number): number {
  const most = Math.min(everySeconds * 1000 * JITTER_PART, JITTER_MS_MAX)
  // FNV-1a
  let hash = 0x811c9dc5
  for (const char of `${task}@${slot}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
  return Math.floor((hash / 2 ** 32) * most)
}

function onceLoaded<C>(load: () => Promise<{ default: Schedule<C> }>): () => Promise<Schedule<C>> {
  let loaded: Promise<Schedule<C>> | undefined
  return () => {
    loaded ??= load().then((module) => module.default)
    return loaded
  }
}
