/** The one matcher of event types: dotted tokens, `*` for any one token, a final `>` for one or more that follow. */

/** Most patterns in one subscription or query. */
export const PATTERNS_MAX = 32
/** Syntax of a pattern; `>` stands at the end only. */
export const PATTERN = /^(?:[a-z0-9_]+|\*)(?:\.(?:[a-z0-9_]+|\*))*(?:\.>)?$|^>$/
const LENGTH_MAX = 128

/** True for a well-formed pattern of at most 128 characters. */
export const isPattern = (text: string): boolean => text.length <= LENGTH_MAX && PATTERN.test(text)

/** True when a type matches a pattern. */
export function matchesPattern(pattern: string, type: string): boolean {
  const wanted = pattern.split('.')
  const given = type.split('.')
  for (const [i, token] of wanted.entries()) {
    if (token === '>') return given.length > i
    if (i >= given.length || (token !== '*' && token !== given[i])) return false
  }
  return given.length === wanted.length
}

/** A test for any of the patterns that remembers its verdicts: types are few, events many. Null matches everything. */
export function compilePatterns(patterns: readonly string[] | null): (type: string) => boolean {
  if (patterns === null || patterns.includes('>')) return () => true
  const verdicts = new Map<string, boolean>()
  return (type) => {
    let verdict = verdicts.get(type)
    if (verdict === undefined) {
      verdict = patterns.some((pattern) => matchesPattern(pattern, type))
      if (verdicts.size < VERDICTS_MAX) verdicts.set(type, verdict)
    }
    return verdict
  }
}
const VERDICTS_MAX = 1000

/** The same pattern as a regular expression of PostgreSQL. */
export function patternToRegex(pattern: string): string {
  const parts = pattern.split('.').map((token) => (token === '*' ? '[^.]+' : token === '>' ? '.+' : token))
  return `^${parts.join('[.]')}$`
}
