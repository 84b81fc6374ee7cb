/** Repairs typos: a word that no card holds gives way to the known word that is nearest to it. */
import type { Queryable } from '#core/platform/database/database.ts'
import { findSimilar, findUnknown } from './lexicon-queries.ts'
import type { AskedWord } from './parse-question.ts'

/** Shorter words are abbreviations or too like each other. */
const LENGTH_MIN = 4
/** From this length on, two slips are forgiven. */
const LENGTH_TWO_SLIPS = 7
const CANDIDATES_MAX = 50
/** Words of one question that are repaired. */
const REPAIRS_MAX = 4

/** Known words in the place of unknown ones; empty when there is nothing to repair. */
export async function repairWords(
  db: Queryable,
  words: readonly AskedWord[],
): Promise<ReadonlyMap<string, string>> {
  const fit = words.filter(({ word }) => [...word].length >= LENGTH_MIN && !/\p{N}/u.test(word))
  if (fit.length === 0) return new Map()
  const unknown = await findUnknown(
    db,
    fit.map(({ word }) => word),
    fit.map(({ prefix }) => prefix),
  )
  const repairs = new Map<string, string>()
  for (const { word } of unknown.slice(0, REPAIRS_MAX)) {
    const candidates = await findSimilar(db, word, CANDIDATES_MAX)
    const nearest = chooseNearest(word, candidates)
    if (nearest !== null) repairs.set(word, nearest)
  }
  return repairs
}

/** The word with the fewest slips between; of equals the one that more cards hold. */
export function chooseNearest(
  word: string,
  candidates: readonly { word: string; cards: bigint }[],
): string | null {
  const allowed = [...word].length >= LENGTH_TWO_SLIPS ? 2 : 1
  const judged = candidates
    .map((candidate) => ({ ...candidate, slips: countSlips(word, candidate.word) }))
    .filter(({ slips }) => slips <= allowed)
    .sort((a, b) => a.slips - b.slips || Number(b.cards - a.cards) || (a.word < b.word ? -1 : 1))
  return judged[0]?.word ?? null
}

/** Slips between two words: a letter more, less, another one, or two neighbours swapped (optimal string alignment). */
export function countSlips(left: string, right: string): number {
  const a = [...left]
  const b = [...right]
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
