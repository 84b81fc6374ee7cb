/** Judges the shape of files: size, name, header, and words that have no place in them. */
import { codeOnly, lineOf } from './lex.ts'
import type { Source } from './sources.ts'

export const LINES_MAX = 300
export const FILES_MAX = 40

const countLines = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0)

/** Files with too many lines. */
export const longFiles = (sources: readonly Source[]): string[] =>
  sources
    .map(({ path, text }) => ({ path, lines: countLines(text) }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ path, lines }) => `${path}: ${lines} lines`)

/** Folders with too many files of their own. */
export function fullFolders(paths: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const path of paths) {
    const folder = path.split('/').slice(0, -1).join('/')
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  return [...counts].filter(([, count]) => count > FILES_MAX).map(([folder, count]) => `${folder}: ${count}`)
}

const drawer = /^(?:(?:.+-)?(?:utils?|helpers?|commons?|shared|managers?|misc)|services?|types?)$/

/** Names that say nothing, and names that are not kebab-case. `test/services` are the suites on real servers. */
export function badNames(paths: readonly string[]): string[] {
  return paths.filter((path) => {
    const parts = path
      .replace(/^test\/(?:support\/)?services/, 'test')
      .split('/')
      .map((part) => part.replace(/(\.(generated|test|sim|bench|config|d))?\.[a-z]+$/, ''))
    return parts.some((part) => drawer.test(part) || !/^(?:[a-z0-9]+(?:-[a-z0-9]+)*)?$/.test(part))
  })
}

/** Files that do not open with a sentence that says what they are for. */
export const headless = (sources: readonly Source[]): string[] =>
  sources
    .filter(({ text }) => !/^(?:#![^\n]*\n)?\/\*\*\s*(?:\n \* )?[A-Z]/.test(text))
    .map(({ path }) => path)

export interface Ban {
  readonly what: string
  readonly pattern: RegExp
  /** Files that it holds for. */
  readonly where: RegExp
  /** Files that may. */
  readonly but?: RegExp
  /** Looks at comments and strings too. */
  readonly whole?: boolean
}

/** The host's side of the house: adapters may know the process. */
const adapters =
  /^core\/(?:runtime\/(?:to-node|to-lambda|to-worker|drain|hold-sockets)[a-z-]*\.ts|platform\/(?:log|metrics)[a-z-]*\.ts)$/

export const bans: readonly Ban[] = [
  { what: 'process', pattern: /\bprocess\s*[.[]/, where: /^(?:core|functions|schedules)\//, but: adapters },
  {
    what: 'a socket or a server',
    pattern: /\b(?:createServer|listen)\s*\(|\bc\.env\b/,
    where: /^(?:core|functions|schedules)\//,
    but: /^core\/(?:runtime\/(?:to-node|compose-app|hold-sockets)[a-z-]*|platform\/metrics[a-z-]*)\.ts$/,
  },
  {
    what: 'a clock of its own',
    pattern: /\bDate\.now\s*\(|\bnew Date\s*\(\s*\)|\bDate\s*\(\s*\)/,
    where: /^(?:core|functions|schedules)\//,
    but: /^core\/platform\/context\.ts$/,
  },
  {
    what: 'randomness of its own',
    pattern: /\bMath\.random\s*\(|\brandomUUID\s*\(|\brandomBytes\s*\(|\bgetRandomValues\s*\(/,
    where: /^(?:core|functions|schedules)\//,
    but: /^core\/platform\/context\.ts$/,
  },
  {
    what: 'any',
    pattern: /(?::|\bas|<|\|)\s*any\b(?!\s*[(:])|\bany\[\]|<[^<>()]*,\s*any\b/,
    where: /\.ts$/,
  },
  { what: 'console', pattern: /\bconsole\s*\./, where: /\.ts$/ },
  { what: 'a test that is left out', pattern: /\b(?:it|test|describe)\.(?:only|todo)\b/, where: /\.ts$/ },
  {
    what: 'a mock',
    pattern: /\bvi\.(?:(?:mock|doMock|hoisted|fn|stubGlobal)\b|spyOn\(\s*(?!console\b))/,
    where: /^test\//,
  },
  {
    what: 'an enum, namespace or parameter property',
    pattern: /^\s*(?:export\s+)?(?:const\s+)?(?:enum|namespace)\s+\w+/m,
    where: /\.ts$/,
    // What somebody else's globals look like.
    but: /\.d\.ts$/,
  },
  {
    what: 'a leftover mark',
    pattern: new RegExp(
      `\\b(?:${['TO', 'FIX'].map((word, at) => word + ['DO', 'ME'][at]).join('|')}|XXX)\\b|@ts-(?:ignore|nocheck)|\\bnot implemented\\b`,
      'i',
    ),
    where: /./,
    whole: true,
  },
  {
    what: 'a path of one machine',
    pattern: /(?<![\w.])\/(?:work|farm|home|root)\//,
    where: /./,
    whole: true,
  },
]

/** Files that hold what is banned there: `path:line what`. */
export function banned(sources: readonly Source[], rules: readonly Ban[] = bans): string[] {
  return sources.flatMap(({ path, text }) => {
    const code = codeOnly(text)
    return rules.flatMap(({ what, pattern, where, but, whole }) => {
      if (!where.test(path) || but?.test(path)) return []
      const found = pattern.exec(whole ? text : code)
      return found ? [`${path}:${lineOf(text, found.index)} ${what}`] : []
    })
  })
}

/** `rules.ts` files that wait for something: a rule is state in, decision out. */
export const impureRules = (sources: readonly Source[]): string[] =>
  sources
    .filter(
      ({ path, text }) => /\/rules\.ts$/.test(path) && /\b(?:async|await|Promise)\b/.test(codeOnly(text)),
    )
    .map(({ path }) => path)
