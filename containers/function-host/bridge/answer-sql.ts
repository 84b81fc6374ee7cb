/** Statements by single requests, as the Neon driver sends and reads them: one, or a batch in one transaction. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import pg from 'pg'
import { z } from 'zod'

/** Of a request, of one message of a socket, and of all rows of a reply. */
export const SQL_BYTES_MAX = 16 * 1024 * 1024
const QUERIES_MAX = 100

const One = z.object({ query: z.string().min(1), params: z.array(z.string().nullable()).default([]) })
const Asked = z.union([One, z.object({ queries: z.array(One).min(1).max(QUERIES_MAX) })])
const Isolation = z.enum(['ReadUncommitted', 'ReadCommitted', 'RepeatableRead', 'Serializable'])

interface SqlReply {
  readonly command: string
  readonly rowCount: number | null
  readonly fields: readonly unknown[]
  readonly rows: readonly unknown[]
  readonly rowAsArray: true
}

/** What the driver reads as an error of the database. */
class Refused extends Error {
  readonly fields: Readonly<Record<string, unknown>>
  constructor(message: string, fields: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.fields = fields
  }
}

/**
 * Answers it on a connection of its own, with the user, password and database of the driver's connection string, but never
 * at its address: only the bridge's target is reached.
 */
export async function answerSql(
  request: IncomingMessage,
  reply: ServerResponse,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const send = (status: number, body: unknown) => {
    if (reply.destroyed) return
    reply.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    reply.end(JSON.stringify(body))
  }
  try {
    const asked = Asked.safeParse(JSON.parse(await readText(request)))
    if (!asked.success) throw new Refused('The body must hold query and params, or queries')
    const client = clientOf(String(request.headers['neon-connection-string'] ?? ''), target)
    const end = () =>
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()
    client.on('error', () => undefined)
    // A client that has gone, or a statement that takes too long, ends with its connection.
    reply.once('close', () => {
      if (!reply.writableEnded) end()
    })
    signal.addEventListener('abort', end, { once: true })
    try {
      await client.connect()
      send(200, await run(client, asked.data, request))
    } finally {
      signal.removeEventListener('abort', end)
      await client.end().catch(() => undefined)
    }
  } catch (error) {
    if (signal.aborted) return send(400, { message: 'The statement took too long', code: '57014' })
    send(400, describe(error))
  }
}

async function run(
  client: pg.Client,
  asked: z.output<typeof Asked>,
  request: IncomingMessage,
): Promise<unknown> {
  const budget = { bytes: SQL_BYTES_MAX }
  if (!('queries' in asked)) return runOne(client, asked, budget)
  await client.query(`begin${modes(request)}`)
  const results: SqlReply[] = []
  for (const one of asked.queries) results.push(await runOne(client, one, budget))
  await client.query('commit')
  return { results }
}

/** Modes of a batch's transaction, out of a list: nothing of a header gets into a statement. */
function modes({ headers }: IncomingMessage): string {
  const level = Isolation.safeParse(headers['neon-batch-isolation-level'])
  const words = level.success ? level.data.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase() : null
  return [
    words === null ? '' : ` isolation level ${words}`,
    headers['neon-batch-read-only'] === 'true' ? ' read only' : '',
    headers['neon-batch-deferrable'] === 'true' ? ' deferrable' : '',
  ].join('')
}

function runOne(
  client: pg.Client,
  { query, params }: z.output<typeof One>,
  budget: { bytes: number },
): Promise<SqlReply> {
  return new Promise((resolve, reject) => {
    const rows: unknown[][] = []
    const asked = new pg.Query({
      text: query,
      values: params,
      rowMode: 'array',
      types: { getTypeParser: () => (text: unknown) => text } as never,
    } as never) as unknown as NodeJS.EventEmitter
    asked.on('row', (row: (string | null)[]) => {
      budget.bytes -= row.reduce((sum, value) => sum + (value?.length ?? 4), 0)
      if (budget.bytes < 0) return reject(new Refused(`The rows have more than ${SQL_BYTES_MAX} bytes`))
      rows.push(row)
    })
    asked.on('end', (result: pg.QueryResult) =>
      resolve({
        command: result.command,
        rowCount: result.rowCount,
        fields: result.fields.map(({ name, dataTypeID }) => ({ name, dataTypeID })),
        rows,
        rowAsArray: true,
      }),
    )
    asked.on('error', reject)
    client.query(asked as never)
  })
}

function clientOf(connectionString: string, target: string): pg.Client {
  if (!URL.canParse(connectionString)) throw new Refused('Neon-Connection-String is missing or malformed')
  const { username, password, pathname } = new URL(connectionString)
  const [host, port] = target.split(':')
  return new pg.Client({
    host: host ?? '',
    port: Number(port),
    user: decodeURIComponent(username),
    database: decodeURIComponent(pathname.slice(1)) || decodeURIComponent(username),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
    connectionTimeoutMillis: 5_000,
  })
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > SQL_BYTES_MAX) throw new Refused(`The body has more than ${SQL_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The fields of an error that the driver knows; an error of ours has words only. */
const known = [
  'severity',
  'code',
  'detail',
  'hint',
  'position',
  'where',
  'schema',
  'table',
  'column',
] as const

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof Refused) return { message: error.message, ...error.fields }
  if (error instanceof SyntaxError) return { message: 'The body is no JSON' }
  const found = error as Record<string, unknown> & { message?: string }
  const fields = Object.fromEntries(
    [...known, 'dataType', 'constraint', 'routine'].map((name) => [name, found[name]]),
  )
  return { message: found.message ?? 'The database does not answer', ...fields }
}
