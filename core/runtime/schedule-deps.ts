/** What running schedules needs from the host, and what it tells. */
import type { Context, Resources } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { Timetable } from './define-schedule.ts'
import type { LeaseSettings, LeaseStore } from './leases/hold-lease.ts'
import type { Time } from './leases/time.ts'

/** Where epochs and runs are kept: in the service's database. */
export interface RunStore {
  readClock(): Promise<Date>
  takeEpoch(task: string, holder: string): Promise<bigint>
  release(task: string, epoch: bigint): Promise<void>
  /** @throws when `epoch` is not the task's newest */
  fence(tx: Transaction, task: string, epoch: bigint): Promise<void>
  /** @returns the attempt, or null when the slot is done or somebody else's */
  claim(run: {
    task: string
    slot: Date
    epoch: bigint
    holder: string
    trigger: 'clock' | 'manual'
  }): Promise<number | null>
  /** @returns false when a newer holder has the run */
  finish(run: Outcome & { task: string; slot: Date; epoch: bigint }, everySeconds: number): Promise<boolean>
}

export interface Outcome {
  readonly state: 'completed' | 'failed' | 'timed_out' | 'interrupted'
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

export interface ScheduleDeps<C extends Context> {
  readonly service: 'registry' | 'teg'
  readonly timetable: Timetable
  readonly resources: Resources
  readonly contextOf: (base: Context) => C
  readonly runs: RunStore
  readonly leases: LeaseStore
  /** Name of this process in the history. */
  readonly holder: string
  readonly observe?: (measure: RunMeasure) => void
  readonly settings?: LeaseSettings
  readonly time?: Time
}
