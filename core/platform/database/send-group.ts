/** Statements of one session in one go: the server skips what stands behind one that fails. For pools of drivers like pg. */
import type pg from 'pg'
import { isOutdated } from './database.ts'
import type { GroupEnd } from './transact.ts'

/** A statement as the driver takes it. */
export interface Prepared {
  readonly text: string
  readonly values: unknown[]
  /** The name under which the server keeps it; absent: it is parsed for this once. */
  readonly name?: string
}

/** What pg's connection and query have and their types do not tell. */
interface Connection {
  readonly stream: { cork?(): void; uncork?(): void }
  /** What the server keeps, by name. */
  readonly parsedStatements: Record<string, string>
  close(what: { readonly type: 'S'; readonly name: string }): void
  sync(): void
  sendCopyFail(message: string): void
}
interface Query {
  name?: string | undefined
  readonly text: string
  readonly _result: pg.QueryResult & { _types: unknown }
  readonly _canceledDueToError: unknown
  prepare(connection: Connection): void
  handleRowDescription(message: unknown): void
  handleDataRow(message: unknown): void
  handleCommandComplete(message: unknown, connection: Connection): void
}
type QueryClass = new (text: string, values: unknown[], callback: (error: unknown) => void) => Query

/**
 * Sends statements as one group of the extended protocol, with a single Sync behind the last one: so the server itself
 * refuses to run anything after a failure, be it begin's or that of a statement before a commit. Not what pg calls
 * pipelining: that sends a Sync behind each, and what stands behind a failed begin would stand alone.
 */
export async function sendGroup(client: pg.PoolClient, statements: readonly Prepared[]): Promise<GroupEnd> {
  const only = statements.length === 1 ? statements[0] : undefined
  try {
    for (const statement of statements) requireOneText(statement)
    if (only && only.name === undefined)
      return endOf([await client.query(only.text, only.values)], statements)
    const { results, error } = await new Promise<Ended>((resolve) => {
      client.query(makeGroup(client, statements, resolve) as unknown as pg.Submittable)
    })
    // As pg does for single ones: the trace leads to who asked, not to the socket.
    if (error instanceof Error) Error.captureStackTrace(error)
    if (isOutdated(error)) forgetKept(client, statements)
    return endOf(results, statements, error)
  } catch (error) {
    return { rows: [], error }
  }
}

interface Ended {
  readonly results: readonly pg.QueryResult[]
  readonly error?: unknown
}

/** Texts by name: as many as the program has. */
const textOf = new Map<string, string>()

/** A name stands for one text in the whole program: the server would run the first one for both. */
function requireOneText({ name, text }: Prepared): void {
  if (name === undefined) return
  const known = textOf.get(name)
  if (known === undefined) textOf.set(name, text)
  else if (known !== text) throw new Error(`Two statements are to be kept as ${name}`)
}

/** Closes all that a connection keeps: after a migration most of it is outdated. Names that it does not have do no harm. */
function forgetKept(client: pg.PoolClient, statements: readonly Prepared[]): void {
  const { connection } = client as unknown as { connection: Connection }
  const names = new Set(Object.keys(connection.parsedStatements))
  for (const { name } of statements) if (name !== undefined) names.add(name)
  for (const name of names) {
    delete connection.parsedStatements[name]
    connection.close({ type: 'S', name })
  }
}

/** The commit of a transaction that has failed is answered without an error, by the word ROLLBACK. */
function endOf(
  results: readonly pg.QueryResult[],
  statements: readonly Prepared[],
  error?: unknown,
): GroupEnd {
  const rows = results.map((result) => result.rows as unknown[])
  if (rows.length < statements.length) return { rows, error }
  const endsWithCommit = statements.at(-1)?.text === 'commit'
  // A statement that stands alone is committed by the Sync: what a deferred check refuses comes behind its last word.
  if (error !== undefined && !endsWithCommit) return { rows: rows.slice(0, -1), error }
  if (endsWithCommit && results.at(-1)?.command !== 'COMMIT')
    return { rows: rows.slice(0, -1), error: new Error('The server rolled back what was to be committed') }
  return { rows }
}

/** What the driver's client takes for a query: its messages go to the statement whose turn it is. */
function makeGroup(client: pg.PoolClient, statements: readonly Prepared[], end: (ended: Ended) => void) {
  const { Query } = client.constructor as unknown as { Query: QueryClass }
  const types = (client as unknown as { _types: unknown })._types
  const results: pg.QueryResult[] = []
  let failed: { readonly error: unknown } | undefined
  /** A row that could not be read: what is behind it was done and still is told as failed. */
  let isUnread = false
  let turn = 0
  const queries = statements.map(({ text, values, name }) => {
    const query = new Query(text, values, (error) => {
      failed ??= { error }
    })
    // Given as a configuration it would be copied, which costs more than all the rest.
    query.name = name
    query._result._types = types
    return query
  })
  const current = () => queries[turn] as Query
  const next = () => {
    const { _result, _canceledDueToError: error } = current()
    if (error) {
      failed ??= { error }
      isUnread = true
    }
    if (!isUnread) results.push(_result)
    turn++
  }
  return {
    // The driver puts one of its own where there is none.
    callback: () => undefined,
    // The driver reads both when the server has parsed a statement, and notes it as kept: the one whose turn it is. What
    // stands behind a failure was never parsed, and what was parsed before one is kept, whatever becomes of the transaction.
    get name() {
      return queries[turn]?.name
    },
    get text() {
      return queries[turn]?.text
    },
    submit(connection: Connection) {
      const unsynced = Object.create(connection, {
        sync: { value: () => undefined },
        // Sent with this group; the driver's own list would hold on to those that the server skipped.
        submittedNamedStatements: { value: {} },
      }) as Connection
      connection.stream.cork?.()
      try {
        for (const query of queries) {
          query.prepare(unsynced)
          if (!failed) continue
          // A value that could not be written: nothing may stand behind it, and the driver has had the statement closed.
          if (query.name !== undefined) delete connection.parsedStatements[query.name]
          query.name = undefined
          break
        }
        connection.sync()
      } finally {
        connection.stream.uncork?.()
      }
      return null
    },
    handleRowDescription: (message: unknown) => current().handleRowDescription(message),
    handleDataRow: (message: unknown) => current().handleDataRow(message),
    handleCommandComplete(message: unknown, connection: Connection) {
      current().handleCommandComplete(message, connection)
      next()
    },
    handleEmptyQuery: next,
    handleReadyForQuery: () => end({ results, ...failed }),
    handleError: (error: unknown) => end({ results, error: failed ? failed.error : error }),
    handlePortalSuspended: () => undefined,
    handleCopyInResponse: (connection: Connection) => connection.sendCopyFail('There is nothing to copy'),
    handleCopyData: () => undefined,
  }
}
