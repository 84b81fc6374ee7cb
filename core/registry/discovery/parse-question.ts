/** Reads `q` like a web search: words (all must occur), "phrases", -without, OR. Nothing that a user types is an error. */
import { foldText, splitWords, type Word } from './split-words.ts'

/** A word that a card must hold, for the repair of typos. */
export interface AskedWord {
  readonly word: string
  /** True: the beginning of a word is enough. */
  readonly prefix: boolean
}

export interface Question {
  /** PostgreSQL tsquery text; null when the question holds no word at all. */
  readonly tsquery: string | null
  readonly words: readonly AskedWord[]
}

/** Words of a question that are looked at; the rest of a longer one does not count. */
const WORDS_MAX = 32
/** A shorter last word is taken as it is: as a beginning it would mean half the index. */
const PREFIX_LENGTH_MIN = 2

/**
 * Makes a tsquery of a question. The last word also matches as a beginning while it is still being typed (no space,
 * no quote after it). `repairs` puts other words in the place of misspelt ones.
 */
export function parseQuestion(q: string, repairs: ReadonlyMap<string, string> = new Map()): Question {
  const groups: string[][] = [[]]
  const words: AskedWord[] = []
  let left = WORDS_MAX
  const chunks = [...q.matchAll(/(-?)"([^"]*)"?|(\S+)/g)]
  chunks.forEach((chunk, at) => {
    const bare = chunk[3]
    if (bare !== undefined && bare.toLowerCase() === 'or' && at > 0 && at < chunks.length - 1) {
      groups.push([])
      return
    }
    const negated = bare === undefined ? chunk[1] === '-' : /^-+[^-]/.test(bare)
    const split = splitWords(bare ?? chunk[2] ?? '').slice(0, left)
    const found = bare === undefined ? split : withoutLastSigns(split)
    if (found.length === 0) return
    left -= found.length
    const typing = bare !== undefined && !negated && at === chunks.length - 1 && !/\s$/.test(q)
    const terms = found.map((word, i) => termOf(word, typing && i === found.length - 1, repairs))
    const term = bare === undefined ? terms.join(' <-> ') : joinBare(found, terms)
    groups.at(-1)?.push(negated ? `!(${term})` : `(${term})`)
    if (!negated)
      for (const [i, word] of found.entries())
        if (!word.piece) words.push({ word: word.word, prefix: typing && i === found.length - 1 })
  })
  const text = groups
    .filter((group) => group.length > 0)
    .map((group) => `(${group.join(' & ')})`)
    .join(' | ')
  return { tsquery: text || null, words }
}

/** The question as it was understood after a repair. */
export function correctQuestion(q: string, repairs: ReadonlyMap<string, string>): string {
  return q.normalize('NFKC').replace(/[\p{L}\p{N}\p{M}]+/gu, (run) => repairs.get(foldText(run)) ?? run)
}

/** Words hold letters, digits and marks only, so quoting them is enough. */
function termOf(word: Word, typing: boolean, repairs: ReadonlyMap<string, string>): string {
  const length = [...word.word].length
  const prefix = word.piece ? length === 1 : typing && length >= PREFIX_LENGTH_MIN
  const spellings = word.piece
    ? [word.word]
    : [repairs.get(word.word) ?? word.word, ...(word.variant ? [word.variant] : [])]
  const terms = spellings.map((spelling) => `'${spelling}'${prefix ? ':*' : ''}`)
  return terms.length === 1 ? (terms[0] as string) : `(${terms.join(' | ')})`
}

/** The last sign of a run is told by the piece before it; only in a phrase it is needed, as the step to the next word. */
const withoutLastSigns = (words: readonly Word[]): Word[] =>
  words.filter((word, i) => {
    const before = words[i - 1]
    return !(word.piece && before?.piece && [...word.word].length === 1 && [...before.word].length === 2)
  })

/** Pieces of one run follow each other; the words of a chunk such as `gpt-4o` need only occur. */
function joinBare(found: readonly Word[], terms: readonly string[]): string {
  return terms
    .map((term, i) => {
      const before = found[i - 1]
      if (i === 0) return term
      return `${before?.piece && found[i]?.piece ? ' <-> ' : ' & '}${term}`
    })
    .join('')
}
