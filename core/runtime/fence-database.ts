/** The database as a task gets it: whatever may write begins with the check of the task's epoch, in the same transaction. */
import type {
  Database,
  DatabaseError,
  Param,
  StatementOptions,
  Transaction,
} from '#core/platform/database/database.ts'

/** Statements that surely write: they are not tried as reads first. */
const WRITES = /^\s*(?:--[^\n]*\n\s*)*(?:insert|update|delete|merge|truncate)\b/i
/** SQLSTATE of a write in a read-only transaction. */
const READ_ONLY = '25006'

/**
 * A statement outside a transaction runs in one of its own: a read-only one, where the server itself refuses whatever
 * would write or lock rows, and if it does, in a fenced one. So no wording of a statement gets around the fence.
 * @param fence throws when a newer holder exists; until the transaction ends no newer epoch can be given out
 */
export function fenceDatabase(db: Database, fence: (tx: Transaction) => Promise<void>): Database {
  const fenced: Database['transaction'] = (run, options) =>
    db.transaction(async (tx) => {
      if (!options?.readOnly) await fence(tx)
      return run(tx)
    }, options)
  return {
    kind: db.kind,
    transaction: fenced,
    async query<R>(text: string, params?: readonly Param[], options?: StatementOptions) {
      const run = (tx: Transaction) => tx.query<R>(text, params, options)
      if (WRITES.test(text)) return fenced(run)
      try {
        return await db.transaction(run, { readOnly: true })
      } catch (error) {
        if ((error as Partial<DatabaseError> | null)?.code !== READ_ONLY) throw error
        return fenced(run)
      }
    },
    bound: (signal) => fenceDatabase(db.bound(signal), fence),
    get unbound() {
      return fenceDatabase(db.unbound, fence)
    },
    script: () => Promise.reject(new Error('A script inside a task: it could not be fenced')),
    close: () => Promise.reject(new Error('A task may not close the database')),
  }
}
