/** What running schedules needs from the host, and what it tells. */
import type { Context, Resources } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { Epoch } from '#core/platform/tasks/epoch.ts'
import type { TaskLook } from '#core/platform/tasks/keep-runs.ts'
import type { Timetable } from './define-schedule.ts'
import type { LeaseSettings, LeaseStore } from './leases/hold-lease.ts'
import type { Time } from './leases/time.ts'

export type { TaskLook } from '#core/platform/tasks/keep-runs.ts'

/** One run of a task. */
export interface RunKey {
  readonly task: string
  readonly slot: Date
  readonly epoch: Epoch
}

/** Where epochs and runs are kept: in the service's database. Methods with an epoch throw FencedOut when it is over. */
export interface RunStore {
  register(task: string): Promise<void>
  look(task: string, epoch: Epoch): Promise<TaskLook>
  takeEpoch(task: string, holder: string): Promise<Epoch>
  release(task: string, epoch: Epoch): Promise<void>
  fence(tx: Transaction, task: string, epoch: Epoch): Promise<void>
  /** @returns the attempt, or null when the slot is done or somebody else's */
  claim(
    run: RunKey & { holder: string; trigger: 'clock' | 'catchup' | 'manual' },
    advance: { missed: number } | null,
  ): Promise<number | null>
  pass(task: string, epoch: Epoch, slot: Date, missed: number): Promise<void>
  abandon(task: string, epoch: Epoch, slot: Date): Promise<void>
  /** @returns when it ended, or null when a newer holder has the run */
  finish(run: Outcome & RunKey): Promise<Date | null>
}

export interface Outcome {
  readonly state: 'completed' | 'failed' | 'timed_out' | 'interrupted' | 'cancelled'
  readonly counts: Readonly<Record<string, number>>
  readonly error: string | null
}

/** What is told of a run that has ended. */
export interface RunMeasure {
  readonly task: string
  readonly state: Outcome['state']
  readonly seconds: number
  /** How long after its due time it began. */
  readonly lagSeconds: number
}

/** What else is told of a task: taken or left by this process, its lease lost, its writes refused, due times passed over. */
export interface TaskNote {
  readonly task: string
  readonly what: 'taken' | 'left' | 'lost' | 'fenced' | 'missed'
  readonly count: number
}

export interface ScheduleDeps<C extends Context> {
  readonly service: 'registry' | 'teg'
  readonly timetable: Timetable
  readonly resources: Resources
  readonly contextOf: (base: Context) => C
  readonly runs: RunStore
  readonly leases: LeaseStore
  /** Name of this process in the history. */
  readonly holder: string
  /**
   * Runs a task that asks for isolation in a thread of its own; absent: it runs in this one. When the signal aborts it is
   * told to end, and does end soon, whatever it is at. @returns its counts; rejects with its error, by name
   */
  readonly isolated?: (run: RunKey, signal: AbortSignal) => Promise<Readonly<Record<string, number>>>
  readonly observe?: (measure: RunMeasure) => void
  readonly note?: (note: TaskNote) => void
  readonly settings?: LeaseSettings
  readonly time?: Time
}
