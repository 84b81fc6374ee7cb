/** Finds SQL in strings, and calls that must not happen inside a database transaction. */
import { closingOf, codeOnly, lineOf, stringsOf } from './lex.ts'
import type { Source } from './sources.ts'

/** A string that is a statement: it begins like one, or holds what only a statement holds. */
const statement =
  /^\s*(?:--[^\n]*\n\s*)*(?:select\s(?!1\s*$)|with\s+(?:recursive\s+)?\w+\s*(?:\([^)]*\)\s*)?as\s|values\s*\(|lock\s+table\s|truncate\s|(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:temp\s+)?(?:table|schema|index|function|type|trigger|role|database|extension)\s)|\binsert\s+into\s+[\w".$]|\bupdate\s+[\w".$]+(?:\s+(?:as\s+)?\w+)?\s+set\s|\bdelete\s+from\s+[\w".$]/i

/** Files in which SQL is at home. */
const homes = /\/(?:queries|[a-z-]+-queries)\.ts$|\/migrations\.generated\.ts$/

/** Files that hold SQL for a reason of their own. */
export const statementExceptions: Readonly<Record<string, string>> = {
  'core/platform/database/migrate.ts': 'keeps its own table of what has been applied, in any schema',
  'core/platform/outbox.ts': 'a fact is written in the transaction of whichever domain makes it true',
}

/** Places of statements outside their homes: `path:line`. */
export function strayStatements(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path }) => !homes.test(path) && !(path in statementExceptions))
    .flatMap(({ path, text }) =>
      stringsOf(text)
        .filter(({ value }) => statement.test(value))
        .map(({ start }) => `${path}:${lineOf(text, start)}`),
    )
}

/** What a statement may not hold: a time of its own, or the state of a session. */
const forbidden: readonly [RegExp, string][] = [
  [
    /\b(?:now\s*\(\s*\)|current_timestamp\b|statement_timestamp|transaction_timestamp)/i,
    'a time that is not $now',
  ],
  [/\bpg_advisory_lock\s*\(|\bpg_try_advisory_lock\s*\(/i, 'a lock of the session'],
  [
    /(?:^|;)\s*(?:listen|notify|prepare|deallocate|discard|set\s+(?!local\b|constraints\b)\w+\s*(?:=|to\b))/i,
    'the state of a session',
  ],
]

/** Statements that would not bear pgbouncer in transaction mode or a test's clock. */
export function unfitStatements(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const pieces = path.endsWith('.sql')
      ? [{ start: 0, value: text.replace(/--[^\n]*/g, '') }]
      : stringsOf(text).filter(({ value }) => statement.test(value))
    return pieces.flatMap(({ start, value }) =>
      forbidden
        .filter(([pattern]) => pattern.test(value))
        .map(([, what]) => `${path}:${lineOf(text, start)} holds ${what}`),
    )
  })
}

/** Calls that leave the process or hold it up: the TEG, Redis, the network, mail, slow hashes. */
const leaving =
  /\bteg\s*\.\s*\w+\s*\(|\bcoordination\s*\.|\bfetch\s*\(|\bmailer\s*\.|\bsendMail\s*\(|\bargon2|\b(?:hash|verify)(?:Password|Secret)\s*\(|\bctx\s*\.\s*db\b/

/** Places inside `.transaction(...)` and `ctx.once(...)` where such a call stands: `path:line`. */
export function leavingTransactions(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const code = codeOnly(text)
    return [...code.matchAll(/(?:\.transaction|\bonce)\s*(?:<[^()]*>)?\s*\(/g)].flatMap((match) => {
      const open = match.index + match[0].length - 1
      const inside = code.slice(open, closingOf(code, open))
      const found = leaving.exec(inside)
      return found ? [`${path}:${lineOf(code, open + found.index)} ${found[0].trim()}`] : []
    })
  })
}

/** Files that open the network themselves, by the packages they name or a fetch that they call. */
const network = /from '(?:ioredis|nodemailer|undici|node:http|node:https|node:net|node:tls)'/

/** Adapters of ports that reach the network and do not refuse to do so inside a transaction. */
export function unguardedPorts(sources: readonly Source[]): string[] {
  return sources
    .filter(({ path, text }) => {
      const reaches =
        network.test(text.replace(/import type [^\n]*/g, '')) || /\bfetch\s*\(/.test(codeOnly(text))
      return (
        reaches && !path.startsWith('core/runtime/') && !/\brefuseInsideTransaction\s*\(/.test(codeOnly(text))
      )
    })
    .map(({ path }) => path)
}

/**
 * What is wrong with statements that servers shall keep: a name that is no word or stands for two of them, a text with a
 * hole, a parameter without a cast, whose type would be fixed by what the tables were when it was parsed.
 */
export function unfitToKeep(sources: readonly Source[]): string[] {
  const seen = new Set<string>()
  return sources.flatMap(({ path, text }) => {
    const code = codeOnly(text)
    return [...code.matchAll(/\b(?:query|later)\s*(?:<[^()]*>)?\s*\(/g)].flatMap((match) => {
      const open = match.index + match[0].length - 1
      const call = text.slice(open, closingOf(code, open))
      const option = /\bkeep:\s*('[a-z_]+')?/.exec(call)
      if (!option) return []
      const [statement = '', name] = [/^\(\s*([`'][^`']*[`'])/.exec(call)?.[1], option[1]]
      const faults: string[] = []
      if (name === undefined) faults.push('its name is no literal')
      else if (seen.has(name)) faults.push(`${name} stands for another one, too`)
      else seen.add(name)
      if (statement === '' || statement.includes('${')) faults.push('its text is no literal')
      if (/\$\d+(?!\d|::)/.test(statement)) faults.push('a parameter has no cast')
      return faults.map((fault) => `${path}:${lineOf(text, open)} ${fault}`)
    })
  })
}
