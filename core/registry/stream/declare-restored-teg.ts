/** Takes an operator's word that the TEG's database was restored from a backup, where it can't be seen from the TEG itself. */
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { findSource, noteRestored } from './queries.ts'
import { showJournal } from './read-journal.ts'
import type { JournalState } from './schema.ts'

/** The relay begins a new life at its next turn, from the last number that the TEG and the journal agree on. */
export async function declareRestoredTeg(ctx: RegistryContext, reason: string): Promise<JournalState> {
  const state = await ctx.once(async (tx) => {
    const { incarnation, sequence } = await findSource(tx, 'teg')
    await noteRestored(tx, 'teg', reason)
    await recordAct(tx, ctx, {
      act: 'journal.teg_restored',
      object: 'journal/teg',
      before: { incarnation, sequence: String(sequence) },
      after: { reason },
    })
    return showJournal(tx)
  })
  ctx.wake('relay')
  return state
}
