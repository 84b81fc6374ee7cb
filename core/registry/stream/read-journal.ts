/** Reads where the journal stands, in which life, and how far the EventStore has been told of it. */
import type { Queryable } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { findLife, findStanding } from './life-queries.ts'
import type { JournalState } from './schema.ts'

export const readJournal = (ctx: RegistryContext): Promise<JournalState> => showJournal(ctx.db)

/** The same inside a transaction. */
export async function showJournal(on: Queryable): Promise<JournalState> {
  const life = await findLife(on)
  const { head, told, ledger, origin, size, refused } = await findStanding(on)
  return {
    head: Number(head),
    incarnation: life.label,
    restoring: life.incarnation > life.number,
    ledger: {
      index: Number(told),
      former: ledger,
      origin,
      size: size === null ? null : Number(size),
      refused: refused === told + 1n ? Number(refused) : null,
    },
  }
}
