/** What a schedule file exports, and a line of the timetable. */
import type { Context } from '#core/platform/context.ts'

/** What one run of a task is given. */
export interface Run {
  /** The due time this run is for; effects are keyed by what they are for, never by the run. */
  readonly slot: Date
  /** Must be checked inside the transaction of every write of the task (fence): throws when a newer holder exists. */
  readonly epoch: bigint
}

export interface Schedule<C> {
  readonly timeoutSeconds: number
  /** @returns counts for the run history */
  readonly run: (ctx: C, run: Run) => Promise<Record<string, number>>
}

/** Makes a task. */
export function defineSchedule<C extends Context>(spec: Schedule<C>): Schedule<C> {
  return spec
}

export interface TimetableLine {
  readonly service: 'registry' | 'teg'
  readonly everySeconds: number
  readonly load: () => Promise<{ default: Schedule<never> }>
}
export type Timetable = Readonly<Record<string, TimetableLine>>
