/** Writes cards of this registry into the index from what the journal tells of them, where the index lacks them. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { listSequences } from './card-queries.ts'
import { indexCard } from './index-card.ts'

/** An event of an agent: its data is the envelope. */
export interface AgentFact {
  readonly data: Record<string, unknown>
}

/**
 * The row of a card is written by the transaction that publishes it, so that nothing is done here as a rule. After a
 * replay from the first index an index that was lost is whole again, but for reputations: those come with the next run.
 */
export async function restoreCards(
  _ctx: RegistryContext,
  events: readonly AgentFact[],
  tx: Transaction,
): Promise<undefined> {
  const newest = new Map(events.flatMap(({ data }) => (isEnvelope(data) ? [[data.did, data] as const] : [])))
  const known = new Map(
    (await listSequences(tx, [...newest.keys()])).map(({ did, sequence }) => [did, sequence]),
  )
  for (const [did, envelope] of newest) {
    if ((known.get(did) ?? 0n) >= BigInt(envelope.sequence)) continue
    await indexCard(tx, {
      did,
      agent: envelope.id,
      envelope,
      visible: envelope.status === 'active' || envelope.status === 'deprecated',
      time: new Date(envelope.updated_at),
    })
  }
  return undefined
}

interface Told extends Record<string, unknown> {
  id: string
  did: string
  status: string
  sequence: number
  updated_at: string
}

/** A policy may have taken members out of an event: without these there is no card to write. */
const isEnvelope = (data: Record<string, unknown>): data is Told =>
  ['id', 'did', 'status', 'updated_at'].every((name) => typeof data[name] === 'string') &&
  Number.isSafeInteger(data.sequence) &&
  typeof data.card === 'object' &&
  data.card !== null
