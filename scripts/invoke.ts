/** Runs one handler as Lambda would: `npm run invoke -- <function> <event.json>`, on the configuration of the environment. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundleEntry } from '../stacks/bundle.ts'
import { listEntries } from '../stacks/list-entries.ts'

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

/**
 * Bundles the function, loads the bundle and calls its handler once.
 * @param name of a door (`transfers`), an entry (`registry-transfers`), a task (`task-retention`) or a reactor
 * @throws what the handler throws
 */
export async function invoke(name: string, event: unknown): Promise<unknown> {
  const entries = listEntries()
  const entry = entries.find((one) => [name, `registry-${name}`].includes(one.name))
  if (!entry)
    throw new Error(`There is no function ${name}. There are: ${entries.map((one) => one.name).join(', ')}`)
  const { files } = await bundleEntry(entry, 'lambda')
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

async function main(): Promise<void> {
  const [name, file] = process.argv.slice(2)
  if (name === undefined) throw new Error('usage: npm run invoke -- <function> [event.json]')
  const event = file === undefined ? {} : JSON.parse(readFileSync(file, 'utf8'))
  const result = await invoke(name, event)
  const text = `${JSON.stringify(result, null, 2)}\n`
  // A pool that is kept for the next event would keep this process; a pipe takes a while.
  process.stdout.write(text, () => process.exit(0))
}

if (import.meta.main)
  main().catch((error) => {
    process.stderr.write(`${(error as Error).stack ?? error}\n`)
    process.exit(1)
  })
