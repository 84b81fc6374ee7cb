/** Keeps epochs and runs of tasks in a service's database: what the runtime's schedules are given as their store. */
import type { Resources } from '../context.ts'
import type { Transaction } from '../database/database.ts'
import { type Epoch, FencedOut, publicName, sameEpoch, showEpoch } from './epoch.ts'
import {
  abandonRun,
  type ClaimValues,
  claimRun,
  dropOldRuns,
  type FinishValues,
  finishRun,
  lockEpoch,
  lookAtTask,
  markReleased,
  moveLastSlot,
  nextEpoch,
  registerTask,
  type Schema,
  type Trigger,
} from './queries.ts'

/** Runs of a task that are kept; older ones are removed as new ones end. */
const RUNS_KEPT = 1000

/** What one look at a task finds. */
export interface TaskLook {
  /** The database's time: the one authority on what is due. */
  readonly now: Date
  readonly knownSince: Date
  readonly lastSlot: Date | null
  readonly paused: boolean
  /** Seconds between due times where an operator has set them. */
  readonly everySeconds: number | null
  /** Runs that nobody at work has: asked for, or left behind by older holders. */
  readonly open: readonly {
    readonly slot: Date
    readonly trigger: Trigger
    readonly state: 'queued' | 'running' | 'interrupted'
    readonly attempt: number
  }[]
}

/** The setting that stands for the interval of a task. */
export const intervalSetting = (task: string): string => `task_${publicName(task)}_interval_seconds`

/** A fenced transaction that stands still for so long is ended by the server: its process is frozen or gone. */
const IDLE_MS = 10_000

/** A run that has ended without having done its work, and that nobody makes up for. */
export interface FailedRun {
  readonly task: string
  readonly slot: Date
  readonly state: 'failed' | 'timed_out' | 'abandoned'
  /** The name of its error alone: the words may hold what only the operator of this registry is to read. */
  readonly error: string | null
}

/** @param tellFailed told of a failed run in the transaction that records it */
export function keepRuns(
  { db, clock }: Pick<Resources, 'db' | 'clock'>,
  schema: Schema = 'registry',
  idleMs = IDLE_MS,
  tellFailed: (tx: Transaction, run: FailedRun) => Promise<void> = async () => undefined,
) {
  const idle = db.kind === 'pg' ? idleMs : 0
  const newest = async (tx: Transaction, task: string): Promise<Epoch | null> => {
    const [row] = await lockEpoch(tx, schema, task, idle)
    return row ? { incarnation: row.incarnation, counter: row.epoch } : null
  }
  /**
   * Stands before the writes of a task in their transaction; until its end no newer epoch can be given out.
   * @throws FencedOut when `epoch` is not the newest
   */
  const fence = async (tx: Transaction, task: string, epoch: Epoch): Promise<void> => {
    const found = await newest(tx, task)
    if (!found || !sameEpoch(found, epoch))
      throw new FencedOut(task, showEpoch(epoch), found && showEpoch(found))
  }
  return {
    fence,

    /** Makes a task known: due times from now on are its. */
    async register(task: string): Promise<void> {
      await registerTask(db, schema, task, clock.fixed)
    },

    async look(task: string, epoch: Epoch): Promise<TaskLook> {
      const [row] = await lookAtTask(db, schema, task, epoch, intervalSetting(task), clock.fixed)
      if (!row) throw new Error(`the task ${task} is not registered`)
      return {
        now: row.now,
        knownSince: row.known_since,
        lastSlot: row.last_slot,
        paused: row.paused,
        everySeconds: row.every === null ? null : Number(row.every),
        open: row.open.map((run) => ({ ...run, slot: new Date(run.slot) })),
      }
    },

    /** The next epoch of a task, for a new holder. */
    async takeEpoch(task: string, holder: string): Promise<Epoch> {
      const [row] = await nextEpoch(db, schema, task, holder, clock.fixed)
      if (!row) throw new Error('no epoch was given')
      return { incarnation: row.incarnation, counter: row.epoch }
    },

    /** Notes that the holder has given the task back. */
    async release(task: string, epoch: Epoch): Promise<void> {
      await markReleased(db, schema, task, epoch, clock.fixed)
    },

    /**
     * Claims a run. `advance`: its due time is the newest dealt with, and so many before it were passed over.
     * @returns which attempt this is, or null when it is done or not ours to do
     */
    claim(run: ClaimValues, advance: { missed: number } | null = null): Promise<number | null> {
      return db.transaction(async (tx) => {
        await fence(tx, run.task, run.epoch)
        if (advance) await moveLastSlot(tx, schema, run.task, run.slot, advance.missed)
        return (await claimRun(tx, schema, run, clock.fixed))[0]?.attempt ?? null
      })
    },

    /** Passes over due times up to this one. */
    pass(task: string, epoch: Epoch, slot: Date, missed: number): Promise<void> {
      return db.transaction(async (tx) => {
        await fence(tx, task, epoch)
        await moveLastSlot(tx, schema, task, slot, missed)
      })
    },

    /** Gives up a run that an older holder has left unfinished. */
    abandon(task: string, epoch: Epoch, slot: Date): Promise<void> {
      return db.transaction(async (tx) => {
        await fence(tx, task, epoch)
        const given = await abandonRun(tx, schema, task, slot, epoch, clock.fixed)
        if (given.length > 0) await tellFailed(tx, { task, slot, state: 'abandoned', error: null })
      })
    },

    /** Ends a run and forgets old ones. @returns when, or null when the task has a newer holder, whose run it is now */
    finish(run: FinishValues): Promise<Date | null> {
      return db.transaction(async (tx) => {
        const found = await newest(tx, run.task)
        if (!found || !sameEpoch(found, run.epoch)) return null
        const [ended] = await finishRun(tx, schema, run, clock.fixed)
        if (!ended) return null
        await dropOldRuns(tx, schema, run.task, RUNS_KEPT)
        const { task, slot, state } = run
        if (state === 'failed' || state === 'timed_out')
          await tellFailed(tx, { task, slot, state, error: run.error?.split(':')[0] ?? null })
        return ended.finished_at
      })
    },
  }
}
