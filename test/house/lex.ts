/** A small scanner of TypeScript text: tells code from comments, strings, templates and regular expressions. */

export type SegmentKind = 'code' | 'comment' | 'string' | 'regex'
export interface Segment {
  readonly kind: SegmentKind
  readonly start: number
  readonly end: number
}

/** After one of these words or signs a slash begins a regular expression, not a division. */
const beforeRegex =
  /(?:^|[({[,;=:!&|?+\-*%<>~^]|=>|\b(?:return|typeof|case|in|of|await|yield|void|delete|throw))\s*$/

/** Splits a text into segments that cover it in order; a template's `${...}` parts are code. */
export function lex(text: string): Segment[] {
  const segments: Segment[] = []
  let codeStart = 0
  const cut = (kind: SegmentKind, start: number, end: number) => {
    if (start > codeStart) segments.push({ kind: 'code', start: codeStart, end: start })
    segments.push({ kind, start, end })
    codeStart = end
  }
  /** Depth of braces at which each open template's `${` stands. */
  const templates: number[] = []
  let depth = 0
  let at = 0
  while (at < text.length) {
    const char = text[at]
    const two = text.slice(at, at + 2)
    if (two === '//' || two === '/*') {
      const end = two === '//' ? indexOr(text, '\n', at) : indexOr(text, '*/', at + 2, 2)
      cut('comment', at, end)
      at = end
    } else if (char === "'" || char === '"') {
      const end = endOfString(text, at)
      cut('string', at, end)
      at = end
    } else if (char === '`' || (char === '}' && templates.at(-1) === depth)) {
      if (char === '}') templates.pop()
      const { end, hole } = endOfTemplate(text, at + 1)
      cut('string', at, end)
      if (hole) templates.push(depth)
      at = end
    } else if (char === '/' && beforeRegex.test(text.slice(Math.max(0, at - 40), at))) {
      const end = endOfRegex(text, at)
      cut('regex', at, end)
      at = end
    } else {
      if (char === '{') depth++
      else if (char === '}') depth--
      at++
    }
  }
  if (codeStart < text.length) segments.push({ kind: 'code', start: codeStart, end: text.length })
  return segments
}

/** The text with the chosen kinds blanked, line breaks and positions kept. */
export function blank(text: string, kinds: readonly SegmentKind[]): string {
  return lex(text)
    .map(({ kind, start, end }) => {
      const part = text.slice(start, end)
      return kinds.includes(kind) ? part.replace(/[^\n]/g, ' ') : part
    })
    .join('')
}

/** Only the code of a text. */
export const codeOnly = (text: string): string => blank(text, ['comment', 'string', 'regex'])

/** The strings of a text with their positions; the pieces of one template are joined by a blank. */
export function stringsOf(text: string): { start: number; value: string }[] {
  return lex(text)
    .filter(({ kind }) => kind === 'string')
    .map(({ start, end }) => ({ start, value: text.slice(start + 1, end - 1) }))
}

/** The line of a position, from 1. */
export const lineOf = (text: string, position: number): number => text.slice(0, position).split('\n').length

/** The position after the bracket that closes the one at `open`, in text without strings and comments. */
export function closingOf(code: string, open: number): number {
  let depth = 0
  for (let at = open; at < code.length; at++) {
    const char = code[at] as string
    if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char) && --depth === 0) return at + 1
  }
  return code.length
}

function indexOr(text: string, mark: string, from: number, beyond = 0): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found + beyond
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === text[start] || text[at] === '\n') return at + 1
  }
  return text.length
}

function endOfTemplate(text: string, start: number): { end: number; hole: boolean } {
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '`') return { end: at + 1, hole: false }
    else if (text[at] === '$' && text[at + 1] === '{') return { end: at + 2, hole: true }
  }
  return { end: text.length, hole: false }
}

function endOfRegex(text: string, start: number): number {
  let inClass = false
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at]
    if (char === '\\') at++
    else if (char === '\n') return at
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return at + 1
  }
  return text.length
}
