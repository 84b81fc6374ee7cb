/** What a line of the timetable says about a task, with its defaults: what planning needs and what operators are shown. */
import type { Cadence } from './slots.ts'

/**
 * What becomes of due times that passed while nobody led the task: none of them is run, the latest one, or all that
 * are not older than the window, at most `max`.
 */
export type CatchUp = 'none' | 'latest' | { readonly max: number; readonly windowSeconds: number }
/**
 * What becomes of due times that come while a run is at work: they are passed over; they are left to the catch-up rule
 * when it has ended; or it is told to stop for them.
 */
export type Overlap = 'skip' | 'queue-one' | 'cancel'
/** Seconds that an operator may set between due times. */
export interface IntervalBounds {
  readonly minimum: number
  readonly maximum: number
}

export interface LineRules {
  /** Bounds of the setting `task_<name>_interval_seconds`; absent: the cadence can't be set. */
  readonly interval?: IntervalBounds
  /** Default: latest. */
  readonly catchUp?: CatchUp
  /** Default: skip; queue-one where all due times are caught up on. */
  readonly overlap?: Overlap
}

export interface TaskLine {
  readonly task: string
  readonly cadence: Cadence
  readonly interval: IntervalBounds | null
  readonly catchUp: CatchUp
  readonly overlap: Overlap
}

/** A line with its defaults. */
export function describeLine(task: string, line: Cadence & LineRules): TaskLine {
  const catchUp = line.catchUp ?? 'latest'
  const cadence: Cadence =
    line.everySeconds === undefined
      ? { cron: line.cron, ...(line.timeZone ? { timeZone: line.timeZone } : {}) }
      : { everySeconds: line.everySeconds }
  return {
    task,
    cadence,
    interval: line.everySeconds === undefined ? null : (line.interval ?? null),
    catchUp,
    overlap: line.overlap ?? (typeof catchUp === 'object' ? 'queue-one' : 'skip'),
  }
}

/** The cadence that counts: an interval that an operator has set stands before the line's own. */
export function cadenceOf({ cadence, interval }: TaskLine, setSeconds: number | null): Cadence {
  if (setSeconds === null || !interval) return cadence
  return { everySeconds: Math.min(Math.max(setSeconds, interval.minimum), interval.maximum) }
}
