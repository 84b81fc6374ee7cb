/** Lets the forwarder tell the whole journal again: to another EventStore, or to one that has lost what it had receipted. */
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { showJournal } from '../stream/read-journal.ts'
import type { JournalState } from '../stream/schema.ts'
import { beginLedger } from './queries.ts'

/** Channel of the hint that the journal has grown: it wakes the forwarder. */
const JOURNAL_CHANNEL = 'journal'

/**
 * The same bytes, from the first index on. What the EventStore holds already gets its first receipt; checkpoints seen before
 * count no more. Receipts given until now are kept as evidence.
 */
export async function resendEvents(ctx: RegistryContext, reason: string): Promise<JournalState> {
  const state = await ctx.once(async (tx) => {
    const { index, origin, size } = await beginLedger(tx)
    await recordAct(tx, ctx, {
      act: 'journal.resend',
      object: 'journal/ledger',
      before: { index: String(index), origin, size: size === null ? null : String(size) },
      after: { index: '0', reason },
    })
    return showJournal(tx)
  })
  // Only a hint.
  await ctx.coordination.publish(JOURNAL_CHANNEL, '').catch(() => undefined)
  return state
}
