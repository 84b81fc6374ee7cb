/** Begins a new life of this database after a restore: every epoch from now on is above all that were given out before. */
import type { Database } from '#core/platform/database/database.ts'
import { raiseIncarnation as raise } from '#core/platform/tasks/queries.ts'

/**
 * To be called after a restore, before anything runs on it.
 * @param seen the highest incarnation that anybody has seen, the TEG among them; -1: nobody tells
 * @returns the incarnation that counts now
 */
export async function raiseIncarnation(db: Database, seen: number): Promise<number> {
  const [row] = await raise(db, 'registry', seen)
  return (row as { number: number }).number
}
