/** The calculus of due times: pure, in milliseconds since 1970. Croner only calculates; whoever calls brings the time. */
import { Cron } from 'croner'

/** Whole periods since 1970 in UTC, or a cron expression in a time zone (UTC where none is named). */
export type Cadence =
  | { readonly everySeconds: number; readonly cron?: never; readonly timeZone?: never }
  | { readonly cron: string; readonly timeZone?: string; readonly everySeconds?: never }

/** Starts are spread over this part of the period, at most half a minute, so that tasks don't all start on the minute. */
const JITTER_PART = 0.1
const JITTER_MS_MAX = 30_000
/** Due times that a count or a list goes through at most. */
const WALK_MAX = 1000

/** The due time at or before a moment: whole periods since 1970 in UTC. */
export const slotAt = (now: number, everySeconds: number): number =>
  Math.floor(now / (everySeconds * 1000)) * everySeconds * 1000

/** The newest due time at or before a moment; null where there is none. */
export function latestSlot(cadence: Cadence, now: number): number | null {
  if (cadence.everySeconds !== undefined) return slotAt(now, cadence.everySeconds)
  // Runs before a moment, exclusive: the moment itself may be one. Croner knows whole seconds.
  const [last] = cronOf(cadence).previousRuns(1, new Date(Math.floor(now / 1000) * 1000 + 1000))
  return last?.getTime() ?? null
}

/** The first due time after a moment; null where there is none. */
export function nextSlot(cadence: Cadence, after: number): number | null {
  if (cadence.everySeconds !== undefined)
    return slotAt(after, cadence.everySeconds) + cadence.everySeconds * 1000
  return (
    cronOf(cadence)
      .nextRun(new Date(Math.floor(after / 1000) * 1000))
      ?.getTime() ?? null
  )
}

/** Due times after `after` and up to `upTo`, newest first, at most `max`. */
export function slotsBetween(cadence: Cadence, after: number, upTo: number, max: number): number[] {
  const slots: number[] = []
  let slot = latestSlot(cadence, upTo)
  while (slot !== null && slot > after && slots.length < max) {
    slots.push(slot)
    slot = latestSlot(cadence, slot - 1)
  }
  return slots
}

/** How many due times lie after `after` and up to `upTo`; a cron expression is counted up to a bound. */
export function countSlots(cadence: Cadence, after: number, upTo: number): number {
  if (upTo <= after) return 0
  if (cadence.everySeconds === undefined) return slotsBetween(cadence, after, upTo, WALK_MAX).length
  const period = cadence.everySeconds * 1000
  return Math.floor(upTo / period) - Math.floor(after / period)
}

/** The next due times after a moment, in order. */
export function nextSlots(cadence: Cadence, after: number, count: number): number[] {
  const slots: number[] = []
  for (let slot = nextSlot(cadence, after); slot !== null && slots.length < count; ) {
    slots.push(slot)
    slot = nextSlot(cadence, slot)
  }
  return slots
}

/** Milliseconds from a due time to the next one. */
export const periodAt = (cadence: Cadence, slot: number): number =>
  (nextSlot(cadence, slot) ?? slot + 86_400_000) - slot

/** How long after its due time a task starts: always the same for the same due time. */
export function jitterMs(task: string, slot: number, cadence: Cadence): number {
  const most = Math.min(periodAt(cadence, slot) * JITTER_PART, JITTER_MS_MAX)
  // FNV-1a
  let hash = 0x811c9dc5
  for (const char of `${task}@${slot}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0
  return Math.floor((hash / 2 ** 32) * most)
}

const crons = new Map<string, Cron>()
function cronOf(cadence: { readonly cron: string; readonly timeZone?: string }): Cron {
  const timezone = cadence.timeZone ?? 'UTC'
  const key = `${timezone} ${cadence.cron}`
  const known = crons.get(key) ?? new Cron(cadence.cron, { timezone, paused: true })
  crons.set(key, known)
  return known
}
