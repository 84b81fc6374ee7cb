/** Compares what the TEG tells with what the journal holds under the same numbers. */
import type { Queryable } from '#core/platform/database/database.ts'
import type { OutboxItem } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { lifeOf } from './begin-life.ts'
import { listLives } from './life-queries.ts'
import { findEnvelopes } from './queries.ts'
import { saysTheSame, sequenceIn, sourceOf } from './rules.ts'

export interface NumberedItem {
  readonly number: bigint
  readonly item: OutboxItem
}

/** `unknown`: the registry has been given another name since, and there is nothing to compare with. */
export type Verdict = 'same' | 'other' | 'unknown'

/** A verdict for each, in their order. */
export async function compareFacts(
  on: Queryable,
  ctx: Pick<RegistryContext, 'config'>,
  facts: readonly NumberedItem[],
): Promise<Verdict[]> {
  if (facts.length === 0) return []
  const lives = await listLives(on)
  const placed = facts.map(({ number, item }) => {
    const life = lifeOf(lives, 'teg', number)
    const sequence = sequenceIn(life, 'teg', number)
    return { item, source: sourceOf(ctx.config.REGISTRY_NAME, 'teg', life), sequence }
  })
  const kept = await findEnvelopes(on, placed)
  const texts = new Map(kept.map((row) => [`${row.sourcesequence} ${row.source}`, row.envelope]))
  return placed.map(({ item, source, sequence }) => {
    const text = texts.get(`${sequence} ${source}`)
    if (text === undefined) return 'unknown'
    return saysTheSame(text, item) ? 'same' : 'other'
  })
}
