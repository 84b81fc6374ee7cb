/** Runs one handler as Lambda would: `npm run invoke -- <function> <event.json>`, on the configuration of the environment. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundleEntry, partsWith } from '../stacks/bundle.ts'
import { type Entry, listEntries } from '../stacks/list-entries.ts'

const TIME_MS = 60_000

/** A request in short, for those who have no event at hand: {"method", "path", "headers", "body"}. */
interface Short {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

const isShort = (event: unknown): event is Short =>
  typeof event === 'object' && event !== null && 'path' in event && !('requestContext' in event)

/** The event that an HTTP API (payload 2.0) makes of it. */
export function fillEvent(event: unknown): unknown {
  if (!isShort(event)) return event
  const [rawPath = '/', rawQueryString = ''] = event.path.split('?')
  const method = event.method ?? (event.body === undefined ? 'GET' : 'POST')
  const isText = typeof event.body === 'string' || event.body === undefined
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers: { ...(isText ? {} : { 'content-type': 'application/json' }), ...event.headers },
    requestContext: {
      domainName: 'localhost',
      stage: '$default',
      http: { method, path: rawPath, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: 'invoke' },
    },
    ...(event.body === undefined ? {} : { body: isText ? event.body : JSON.stringify(event.body) }),
    isBase64Encoded: false,
  }
}

/** What was asked for wrongly: told in words, without a trace, and ends the program with 2. */
export class Misused extends Error {}

const usage = 'usage: npm run invoke -- <function> [event.json]'

/** The short name of an entry: what stands after `registry-`. */
const short = (entry: Entry): string => entry.name.replace(/^registry-/, '')

/** All functions by their kinds, as a user may name them. */
export function listFunctions(): string {
  const kinds = { door: 'doors', pages: 'pages', task: 'tasks', reactor: 'reactors' } as const
  const entries = listEntries()
  return Object.entries(kinds)
    .map(([kind, title]) => {
      const names = entries.filter((entry) => entry.kind === kind).map(short)
      return `  ${title.padEnd(9)} ${names.join(' ')}`
    })
    .join('\n')
}

/** @throws Misused, with names that are near, when there is none of this name */
export function findEntry(name: string): Entry {
  const entries = listEntries()
  const entry = entries.find((one) => [one.name, short(one)].includes(name))
  if (entry) return entry
  const near = entries
    .map((one) => ({
      name: short(one),
      far: Math.min(distance(name, short(one)), distance(`task-${name}`, one.name)),
    }))
    .filter(
      ({ name: other, far }) => far <= 2 || other.split('-').includes(name) || other.endsWith(`-${name}`),
    )
    .sort((a, b) => a.far - b.far)
    .slice(0, NEAR_MAX)
    .map((one) => one.name)
  const hint = near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : ''
  throw new Misused(`There is no function ${name}.${hint}\n\n${listFunctions()}`)
}

const NEAR_MAX = 3

/** Letters that differ: insertions, deletions, replacements. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(
        (row[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
      )
    row = next
  }
  return row[b.length] ?? 0
}

/**
 * The event of a file; a task or reactor needs none.
 * @throws Misused when it is missing, unreadable, no JSON, or no request where one is needed
 */
export function readInvocation(entry: Entry, file: string | undefined): unknown {
  const isTimer = entry.kind === 'task' || entry.kind === 'reactor'
  if (file === undefined) {
    if (isTimer) return {}
    const prefix = entry.kind === 'door' ? entry.prefix : ''
    throw new Misused(
      `${short(entry)} answers requests: it needs an event, such as a file with\n  {"method": "GET", "path": "${prefix || '/'}"}\n\n${usage}`,
    )
  }
  const event = parse(file)
  if (isTimer || (isObject(event) && ('path' in event || 'requestContext' in event))) return event
  throw new Misused(`${file} is no request: it has neither "path" nor "requestContext"`)
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

function parse(file: string): unknown {
  let text = ''
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new Misused(`${file} can't be read: ${(error as NodeJS.ErrnoException).code}`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Misused(`${file} is no JSON: ${(error as Error).message}`)
  }
}

/**
 * Bundles the function, loads the bundle and calls its handler once.
 * @throws what the handler throws
 */
export async function invoke(entry: Entry, event: unknown): Promise<unknown> {
  const { files } = await bundleEntry(entry, 'lambda', partsWith('lambda', process.env.DATABASE_DRIVER))
  const folder = mkdtempSync(join(tmpdir(), 'ninefold-invoke-'))
  try {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
    const { handler } = await import(pathToFileURL(join(folder, 'index.mjs')).href)
    const ends = performance.now() + TIME_MS
    return await handler(fillEvent(event), {
      awsRequestId: 'invoke',
      functionName: entry.name,
      getRemainingTimeInMillis: () => ends - performance.now(),
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Words for the user: of a misuse or of a configuration what is wrong, of a bug where it is. */
function wordsOf(error: Error): string {
  if (error instanceof Misused || error.name === 'ConfigError') return error.message
  return error.stack ?? String(error)
}

async function main(): Promise<void> {
  const [name, file, ...more] = process.argv.slice(2)
  if (name === undefined || more.length > 0) throw new Misused(`${usage}\n\n${listFunctions()}`)
  const entry = findEntry(name)
  const result = await invoke(entry, readInvocation(entry, file))
  const text = `${JSON.stringify(result, null, 2)}\n`
  // A pool that is kept for the next event would keep this process; a pipe takes a while.
  process.stdout.write(text, () => process.exit(0))
}

if (import.meta.main)
  main().catch((error: Error) => {
    process.stderr.write(`${wordsOf(error)}\n`)
    process.exit(error instanceof Misused ? 2 : 1)
  })
