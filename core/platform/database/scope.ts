/** Knows whether the running code is inside a database transaction: there, no second session and no network call. */
import { AsyncLocalStorage } from 'node:async_hooks'

const scope = new AsyncLocalStorage<{ open: boolean }>()

/** Runs `work` marked as inside a transaction; the mark ends with the transaction, also for work left behind. */
export async function inTransactionScope<T>(work: () => Promise<T>): Promise<T> {
  const mark = { open: true }
  try {
    return await scope.run(mark, work)
  } finally {
    mark.open = false
  }
}

/** True while the current asynchronous context holds an open transaction. */
export const insideTransaction = (): boolean => scope.getStore()?.open === true

/** Refuses what must not happen inside a transaction: it would wait for itself (PGlite, a full pool) or hold locks. */
export function refuseInsideTransaction(what: string): void {
  if (insideTransaction()) throw new Error(`${what} inside a database transaction`)
}
