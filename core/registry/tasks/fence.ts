/** Refuses the writes of a task's former holder. */
import type { Transaction } from '#core/platform/database/database.ts'
import { lockEpoch } from './queries.ts'

/** A newer holder of the task exists: this one must stop. */
export class FencedOut extends Error {
  constructor(task: string, epoch: bigint, newest: bigint | null) {
    super(`epoch ${epoch} of the task ${task} is over: the newest is ${newest ?? 'unknown'}`)
    this.name = 'FencedOut'
  }
}

/**
 * Stands before the writes of a task in their transaction; until its end no newer epoch can be given out.
 * @throws FencedOut when `epoch` is not the newest
 */
export async function fence(tx: Transaction, task: string, epoch: bigint): Promise<void> {
  const newest = (await lockEpoch(tx, task))[0]?.epoch ?? null
  if (newest !== epoch) throw new FencedOut(task, epoch, newest)
}
