/** What the holder of a task does next: pure, from one look at the database and the task's line. */
import type { TaskLook } from '#core/platform/tasks/keep-runs.ts'
import type { TaskLine } from '#core/platform/tasks/line.ts'
import {
  type Cadence,
  countSlots,
  jitterMs,
  latestSlot,
  nextSlot,
  slotsBetween,
} from '#core/platform/tasks/slots.ts'

export type Plan =
  | {
      readonly do: 'run'
      readonly slot: number
      readonly trigger: 'clock' | 'catchup' | 'manual'
      /** How late it begins. */
      readonly lagMs: number
      /** Set where it is the newest due time dealt with: how many before it are passed over. */
      readonly advance: { readonly missed: number } | null
    }
  | { readonly do: 'pass'; readonly slot: number; readonly missed: number }
  | { readonly do: 'abandon'; readonly slot: number }
  | { readonly do: 'sleep'; readonly milliseconds: number }

/** Within this a start counts as on time: longer than a takeover takes. */
const ON_TIME_MS = 30_000
/** A run that has so often been begun and not ended is given up: it may be what ends its holders. */
export const ATTEMPTS_MAX = 5
/** Longest sleep between two looks: the database's clock may be set, and hints may be lost. */
const LOOK_MS_MAX = 15_000

/** @param ranUntil when this holder's last run of the clock ended, by the database's clock */
export function planRun(line: TaskLine, look: TaskLook, ranUntil: number | null): Plan {
  const now = look.now.getTime()
  return planOpen(line, look, now) ?? (look.paused ? sleep(LOOK_MS_MAX) : planDue(line, look, now, ranUntil))
}

const sleep = (milliseconds: number): Plan => ({
  do: 'sleep',
  milliseconds: Math.min(Math.max(milliseconds, 1), LOOK_MS_MAX),
})

/** Runs that somebody has asked for or an older holder has left. */
function planOpen(line: TaskLine, look: TaskLook, now: number): Plan | null {
  const asked = look.open.find(({ trigger }) => trigger === 'manual')
  const [left] = look.open.filter(({ trigger }) => trigger !== 'manual')
  const run = asked ?? (look.paused ? undefined : left)
  if (!run) return null
  const slot = run.slot.getTime()
  if (run.attempt >= ATTEMPTS_MAX) return { do: 'abandon', slot }
  const stillDue = run === asked || isStillDue(line, slot, now)
  if (!stillDue) return { do: 'abandon', slot }
  return { do: 'run', slot, trigger: run.trigger, lagMs: Math.max(0, now - slot), advance: null }
}

/** A run that was begun is finished as long as the catch-up rule would still begin it. */
function isStillDue({ task, cadence, catchUp }: TaskLine, slot: number, now: number): boolean {
  if (typeof catchUp === 'object') return now - slot <= catchUp.windowSeconds * 1000
  const latest = latestDue(task, cadence, now)
  return latest === null || slot >= latest
}

/** The newest due time whose start, a little after it, has come. */
function latestDue(task: string, cadence: Cadence, now: number): number | null {
  const slot = latestSlot(cadence, now)
  if (slot === null || slot + jitterMs(task, slot, cadence) <= now) return slot
  return latestSlot(cadence, slot - 1)
}

function planDue(line: TaskLine, look: TaskLook, now: number, ranUntil: number | null): Plan {
  const { task, cadence } = line
  const latest = latestDue(task, cadence, now)
  const after = lowerBound(look, now, latest)
  if (latest === null || latest <= after) {
    const next = nextSlot(cadence, latest === null ? now : Math.max(after, latest))
    return sleep(next === null ? LOOK_MS_MAX : next + jitterMs(task, next, cadence) - now)
  }
  const count = countSlots(cadence, after, latest)
  const dueAt = latest + jitterMs(task, latest, cadence)
  const came = ranUntil !== null && dueAt <= ranUntil
  if (came && line.overlap === 'skip') return { do: 'pass', slot: latest, missed: count }
  if (line.catchUp === 'none' && now - dueAt > ON_TIME_MS) return { do: 'pass', slot: latest, missed: count }
  if (typeof line.catchUp !== 'object' || count === 1)
    return { do: 'run', slot: latest, trigger: 'clock', lagMs: now - dueAt, advance: { missed: count - 1 } }
  const { max, windowSeconds } = line.catchUp
  const from = Math.max(after, latest - windowSeconds * 1000 - 1)
  const wanted = slotsBetween(cadence, from, latest, max)
  const oldest = wanted.at(-1) ?? latest
  return {
    do: 'run',
    slot: oldest,
    trigger: oldest === latest ? 'clock' : 'catchup',
    lagMs: now - oldest - jitterMs(task, oldest, cadence),
    advance: { missed: count - Math.max(wanted.length, 1) },
  }
}

/** Due times after this are to be dealt with. A clock that was set back must not stop a task until it is past again. */
function lowerBound({ knownSince, lastSlot }: TaskLook, now: number, latest: number | null): number {
  const known = knownSince.getTime() - 1
  const last = lastSlot?.getTime() ?? Number.NEGATIVE_INFINITY
  const bound = Math.max(known, last)
  return latest !== null && bound > now ? latest - 1 : bound
}
