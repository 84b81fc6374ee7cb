/** Raises the incarnation on an operator's word: the database was restored, and nothing has noticed. */
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { raiseIncarnation } from './life-queries.ts'
import { showJournal } from './read-journal.ts'
import type { JournalState } from './schema.ts'

/** The relay begins a new life at its next turn. What the EventStore has refused is told again under its names. */
export async function declareRestore(ctx: RegistryContext, reason: string): Promise<JournalState> {
  const state = await ctx.once(async (tx) => {
    const before = await showJournal(tx)
    const number = await raiseIncarnation(tx, reason)
    await recordAct(tx, ctx, {
      act: 'journal.restored',
      object: 'journal/registry',
      before: { incarnation: before.incarnation, head: before.head, refused: before.ledger.refused },
      after: { number, reason },
    })
    return showJournal(tx)
  })
  ctx.wake('relay')
  return state
}
