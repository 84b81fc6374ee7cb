/**
 * Words of a text, the same for cards and for questions. They are made here and not by PostgreSQL's text search
 * configurations: those depend on the server's locale, need a dictionary extension for accents, and read a Chinese or
 * Japanese sentence as one word.
 */

/** One word at its place in the text. */
export interface Word {
  /** Folded: lower case, without accents; letters, digits and marks of other scripts only. */
  readonly word: string
  /** Another spelling that stands for it: `mueller` for `Müller`. */
  readonly variant: string | null
  /** True for a piece of a script that is written without spaces: two neighbouring signs, or the last sign alone. */
  readonly piece: boolean
}

/** Longer words are cut: PostgreSQL's lexemes have a bound. */
const WORD_MAX = 64
const LETTERS = /[\p{L}\p{N}\p{M}]+/gu
/** Scripts that put no space between words. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー々]+/gu
const SPECIAL: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ı: 'i',
  ħ: 'h',
  ŋ: 'n',
  ς: 'σ',
}
const UMLAUTS: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue' }

/** Lower case, compatibility forms unified, accents of Latin, Greek and Cyrillic letters taken away. */
export function foldText(text: string): string {
  if (isPlain(text)) return text.toLowerCase()
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFKC')
    .replace(/[ßæœøđðþłıħŋς]/g, (letter) => SPECIAL[letter] ?? letter)
}

/** The folded text with single spaces: what prefixes are compared with. */
export const keyOf = (text: string): string => foldText(text).replace(/\s+/g, ' ').trim()

/** How tags, skills, providers and media types are compared: case does not count, accents do. */
export const labelOf = (text: string): string =>
  text.normalize('NFKC').replace(/\s+/g, ' ').trim().toLowerCase()

/** The words of a text in order. */
export function splitWords(text: string): Word[] {
  if (isPlain(text)) return plainWords(text)
  const words: Word[] = []
  for (const [run] of text.normalize('NFKC').toLowerCase().matchAll(LETTERS)) {
    let start = 0
    for (const match of run.matchAll(UNSPACED)) {
      pushWord(words, run.slice(start, match.index))
      pushPieces(words, match[0])
      start = match.index + match[0].length
    }
    pushWord(words, run.slice(start))
  }
  return words
}

const isPlain = (text: string) => /^[\0-\x7f]*$/.test(text)

/** The same for ASCII, which most cards are made of: ten times as fast. */
function plainWords(text: string): Word[] {
  const runs = text.toLowerCase().match(/[a-z0-9]+/g) ?? []
  return runs.map((run) => ({ word: run.slice(0, WORD_MAX), variant: null, piece: false }))
}

function pushWord(words: Word[], text: string): void {
  const word = clean(foldText(text))
  if (word === '') return
  const spelt = text.normalize('NFC').replace(/[äöü]/g, (letter) => UMLAUTS[letter] ?? letter)
  const variant = clean(foldText(spelt))
  words.push({ word, variant: variant === word ? null : variant, piece: false })
}

/** Two neighbours each, and the last sign alone, so that a single sign is found as the beginning of a piece. */
function pushPieces(words: Word[], text: string): void {
  const signs = [...foldText(text)]
  for (let i = 0; i < signs.length; i++)
    words.push({ word: `${signs[i]}${signs[i + 1] ?? ''}`, variant: null, piece: true })
}

const clean = (text: string) => [...(text.match(LETTERS) ?? []).join('')].slice(0, WORD_MAX).join('')
