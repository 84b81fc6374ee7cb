/** Keeps epochs and runs of tasks in the registry's database: what the runtime's schedules are given as their store. */
import type { Resources } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { fence } from './fence.ts'
import {
  type ClaimValues,
  claimRun,
  dropOldRuns,
  type FinishValues,
  finishRun,
  lockEpoch,
  markReleased,
  nextEpoch,
  readClock,
} from './queries.ts'

/** Runs of a task that are kept; older ones are removed as new ones end. */
const RUNS_KEPT = 1000

export function keepRuns({ db, clock }: Pick<Resources, 'db' | 'clock'>) {
  return {
    fence: (tx: Transaction, task: string, epoch: bigint) => fence(tx, task, epoch),

    /** The database's time: the one authority on what is due. */
    async readClock(): Promise<Date> {
      return (await readClock(db, clock.fixed))[0]?.now as Date
    },

    /** The next epoch of a task, for a new holder. */
    async takeEpoch(task: string, holder: string): Promise<bigint> {
      const rows = await db.transaction((tx) => nextEpoch(tx, task, holder, clock.fixed))
      return rows[0]?.epoch as bigint
    },

    /** Notes that the holder has given the task back. */
    async release(task: string, epoch: bigint): Promise<void> {
      await db.transaction((tx) => markReleased(tx, task, epoch, clock.fixed))
    },

    /** Claims a due time. @returns which attempt this is, or null when it is done or not ours to do */
    claim(run: ClaimValues): Promise<number | null> {
      return db.transaction(async (tx) => {
        await fence(tx, run.task, run.epoch)
        return (await claimRun(tx, run, clock.fixed))[0]?.attempt ?? null
      })
    },

    /** Ends a run and forgets old ones. @returns false when the task has a newer holder, whose run it is now */
    finish(run: FinishValues, everySeconds: number): Promise<boolean> {
      return db.transaction(async (tx) => {
        if ((await lockEpoch(tx, run.task))[0]?.epoch !== run.epoch) return false
        const ended = (await finishRun(tx, run, clock.fixed)).length === 1
        const oldest = new Date(run.slot.getTime() - RUNS_KEPT * everySeconds * 1000)
        if (ended) await dropOldRuns(tx, run.task, oldest)
        return ended
      })
    },
  }
}
