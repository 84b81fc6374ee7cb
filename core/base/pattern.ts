/** The one matcher of event types: dotted tokens, `*` for any one token, a final `>` for one or more that follow. */
import { openTrie } from './pattern-trie.ts'

/** Most patterns in one subscription or query. */
export const PATTERNS_MAX = 32
/** Syntax of a pattern; `>` stands at the end only. */
export const PATTERN = /^(?:[a-z0-9_]+|\*)(?:\.(?:[a-z0-9_]+|\*))*(?:\.>)?$|^>$/
const LENGTH_MAX = 128

/** True for a well-formed pattern of at most 128 characters. */
export const isPattern = (text: string): boolean => text.length <= LENGTH_MAX && PATTERN.test(text)

/** True when a type matches a pattern. */
export const matchesPattern = (pattern: string, type: string): boolean => compilePatterns([pattern])(type)

const compiled = new Map<string, (type: string) => boolean>()
const COMPILED_MAX = 1000

/** A test for any of the patterns: a tree of their own (see pattern-trie.ts). Null matches everything. */
export function compilePatterns(patterns: readonly string[] | null): (type: string) => boolean {
  if (patterns === null || patterns.includes('>')) return () => true
  const key = patterns.join(',')
  const known = compiled.get(key)
  if (known) return known
  const trie = openTrie<true>()
  trie.add(patterns, true)
  const test = (type: string) => trie.match(type).size > 0
  if (compiled.size >= COMPILED_MAX) compiled.clear()
  compiled.set(key, test)
  return test
}

/** The same pattern as a regular expression of PostgreSQL. */
export function patternToRegex(pattern: string): string {
  const parts = pattern.split('.').map((token) => (token === '*' ? '[^.]+' : token === '>' ? '.+' : token))
  return `^${parts.join('[.]')}$`
}
