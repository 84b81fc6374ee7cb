/** What a schedule file exports, and a line of the timetable. */
import type { Context } from '#core/platform/context.ts'
import type { Epoch } from '#core/platform/tasks/epoch.ts'
import type { LineRules } from '#core/platform/tasks/line.ts'
import type { Cadence } from '#core/platform/tasks/slots.ts'

/** What one run of a task is given. */
export interface Run {
  /** The due time this run is for; effects are keyed by what they are for, never by the run. */
  readonly slot: Date
  /** Every write through ctx.db is refused when a newer one exists; ctx.fence carries it to other services. */
  readonly epoch: Epoch
}

export interface Schedule<C> {
  readonly timeoutSeconds: number
  /**
   * Runs in a thread of its own where the host can give it one: what computes for long there blocks no request and no
   * lease, and even a loop without end is ended by the timeout. The same context, but nothing of the process's memory.
   */
  readonly isolate?: boolean
  /** @returns counts for the run history */
  readonly run: (ctx: C, run: Run) => Promise<Record<string, number>>
}

/** Makes a task. */
export function defineSchedule<C extends Context>(spec: Schedule<C>): Schedule<C> {
  return spec
}

export type TimetableLine = Cadence &
  LineRules & {
    readonly service: 'registry' | 'teg'
    readonly load: () => Promise<{ default: Schedule<never> }>
  }
export type Timetable = Readonly<Record<string, TimetableLine>>
