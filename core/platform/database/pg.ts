/** The server adapter: a pg pool that is safe behind pgbouncer in transaction mode (no session state, no named statements). */
import pg from 'pg'
import type { Database, Param, Transaction, TransactionOptions } from './database.ts'
import { inTransactionScope, refuseInsideTransaction } from './scope.ts'

const INT8 = 20
const INT8_ARRAY = 1016

const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8) return (text: string) => BigInt(text)
    if (oid === INT8_ARRAY) {
      const parse = pg.types.getTypeParser(1009 as never, 'text') as (text: string) => (string | null)[]
      return (text: string) => parse(text).map((item) => (item === null ? null : BigInt(item)))
    }
    return pg.types.getTypeParser(oid as never, format as never)
  }) as never,
}

export interface PgOptions {
  url: string
  /** Most connections of this process. */
  max?: number
  /** Milliseconds to wait for a connection before the query fails. */
  connectTimeoutMs?: number
  applicationName?: string
}

/** Opens a pool. Connections are made when first needed. */
export function openPg(options: PgOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.max ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    types,
    ...(options.applicationName ? { application_name: options.applicationName } : {}),
  })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined)
  return poolDatabase(pool, options.url, undefined)
}

function poolDatabase(pool: pg.Pool, url: string, signal: AbortSignal | undefined): Database {
  return {
    kind: 'pg',
    async query<R>(text: string, params: readonly Param[] = []) {
      refuseInsideTransaction('A statement outside the transaction')
      if (!signal) return (await pool.query(text, params as unknown[])).rows as R[]
      return withClient(
        pool,
        url,
        signal,
        async (client) => (await client.query(text, params as unknown[])).rows,
      )
    },
    async transaction<T>(work: (tx: Transaction) => Promise<T>, txOptions: TransactionOptions = {}) {
      refuseInsideTransaction('A second transaction')
      return withClient(pool, url, signal, (client) => transact(client, signal, work, txOptions))
    },
    bound: (next) => poolDatabase(pool, url, signal ? AbortSignal.any([signal, next]) : next),
    async script(text) {
      refuseInsideTransaction('A script')
      await pool.query(text)
    },
    close: () => pool.end(),
  }
}

/** Lends a connection; an abort sends a cancel request for whatever runs on it. */
async function withClient<T>(
  pool: pg.Pool,
  url: string,
  signal: AbortSignal | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const client = await pool.connect()
  const onAbort = () => cancelQuery(client, url)
  signal?.addEventListener('abort', onAbort, { once: true })
  let broken: Error | undefined
  try {
    signal?.throwIfAborted()
    return await work(client)
  } catch (error) {
    if (isBroken(error)) broken = error as Error
    if (signal?.aborted) throw signal.reason
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    // A cancel request may still be under way: the connection must not be lent to somebody it would hit.
    client.release(broken ?? (signal?.aborted ? true : undefined))
  }
}

async function transact<T>(
  client: pg.PoolClient,
  signal: AbortSignal | undefined,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const isolation = options.isolation ?? 'read committed'
  await client.query(`begin isolation level ${isolation}${options.readOnly ? ' read only' : ''}`)
  let over = false
  const tx: Transaction = {
    transaction: true,
    query: async <R>(text: string, params: readonly Param[] = []) => {
      if (over) throw new Error('The transaction is over')
      signal?.throwIfAborted()
      return (await client.query(text, params as unknown[])).rows as R[]
    },
  }
  try {
    const result = await inTransactionScope(() => work(tx))
    signal?.throwIfAborted()
    over = true
    await client.query('commit')
    return result
  } catch (error) {
    over = true
    if (!isBroken(error)) await client.query('rollback').catch(() => undefined)
    throw error
  }
}

/** Asks the server (or pgbouncer) to cancel what runs on a connection, over a connection of its own. */
function cancelQuery(client: pg.PoolClient, url: string): void {
  const running = client as pg.PoolClient & { processID?: number; secretKey?: number }
  if (!running.processID) return
  const canceller = new pg.Client({ connectionString: url }) as pg.Client & {
    connection: {
      on(e: string, f: () => void): void
      connect(p: number | string, h?: string): void
      cancel(p: number, s: number): void
      end(): void
    }
    host: string
    port: number
  }
  const { connection } = canceller
  connection.on('error', () => undefined)
  connection.on('connect', () => connection.cancel(running.processID as number, running.secretKey as number))
  if (canceller.host.startsWith('/')) connection.connect(`${canceller.host}/.s.PGSQL.${canceller.port}`)
  else connection.connect(canceller.port, canceller.host)
}

function isBroken(error: unknown): boolean {
  const code = String((error as { code?: string } | null)?.code ?? '')
  return (
    /^(08|57P|ECONN|EPIPE)/.test(code) || /Connection terminated/i.test(String((error as Error)?.message))
  )
}
