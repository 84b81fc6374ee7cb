/** Puts cards into the index, inside the transaction that publishes them: they are found once it commits. */
import type { Transaction } from '#core/platform/database/database.ts'
import { upsertCards } from './card-queries.ts'
import { insertTerms } from './lexicon-queries.ts'
import { readCard } from './rules.ts'

export interface CardEntry {
  did: string
  /** The local id; null for a card of another registry. */
  agent: string | null
  /** The envelope as it is served. */
  envelope: Record<string, unknown>
  /** False hides the card: retired, suspended. */
  visible: boolean
  time: Date | null
}

/**
 * Adds or replaces one card. An envelope with a lower sequence than the stored one changes nothing. A reputation that
 * the index knows is kept when the envelope's percentile is null.
 */
export function indexCard(tx: Transaction, entry: CardEntry): Promise<void> {
  return indexCards(tx, [entry], entry.time)
}

/** Adds or replaces many cards with two statements; of several entries of one did the last counts. */
export async function indexCards(
  tx: Transaction,
  entries: readonly Omit<CardEntry, 'time'>[],
  time: Date | null,
): Promise<void> {
  const last = new Map(entries.map((entry) => [entry.did, entry]))
  const cards = [...last.values()].map(readCard)
  await upsertCards(
    tx,
    cards.map((card) => card.row),
    time,
  )
  const terms = new Map(
    cards.flatMap((card) =>
      card.terms.map((term) => [JSON.stringify([term.kind, term.text]), term] as const),
    ),
  )
  if (terms.size > 0) await insertTerms(tx, [...terms.values()])
}
