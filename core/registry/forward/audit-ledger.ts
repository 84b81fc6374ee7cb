/** Has the EventStore recompute its whole log, and checks that it still adds to what this registry has seen of it. */
import { decodeBase64 } from '#core/base/tlog/note.ts'
import type { RegistryContext } from '../context.ts'
import { findForwarder } from './queries.ts'
import { checkGrowth } from './rules.ts'

/** Faults that the failure of a run names. */
const NAMED_MAX = 5

/**
 * @returns the entries that were looked at, and how many documents were erased; `absent` where events are told to none
 * @throws ForwarderHalted when the log contradicts what was seen; an Error with the first faults when it is not intact;
 *   EventStoreAway
 */
export async function auditLedger(ctx: RegistryContext): Promise<Record<string, number>> {
  const { eventStore } = ctx
  if (!eventStore) return { absent: 1 }
  // First: while the log is recomputed, more is told to it.
  const { origin, size, root } = await findForwarder(ctx.db)
  const audit = await eventStore.audit(ctx)
  if (!audit.intact) {
    const named = audit.faults.slice(0, NAMED_MAX).join('; ')
    throw new Error(`the log of the EventStore is not intact: ${named} (${audit.faults.length} faults)`)
  }
  const found = decodeBase64(audit.root)
  if (!found) throw new Error('the EventStore has shown no root')
  if (origin !== null && size !== null && root !== null) {
    const before = { origin, size: Number(size), root }
    const isProvable = audit.size > before.size && before.size > 0
    const proof = isProvable ? await eventStore.proveConsistency(ctx, before.size, audit.size) : null
    checkGrowth(before, { origin, size: audit.size, root: found }, proof)
  }
  return { entries: audit.size, erased: audit.erased }
}
