/** The server adapter: a pg pool that is safe behind pgbouncer in transaction mode (no session state, no named statements). */
import pg from 'pg'
import {
  type Database,
  lostConnection,
  type Param,
  type Queryable,
  type Transaction,
  type TransactionOptions,
} from './database.ts'
import { cancelStatement, cutConnection } from './pg-cancel.ts'
import { pgTypes } from './pg-types.ts'
import { refuseInsideTransaction } from './scope.ts'
import { transact } from './transact.ts'

/** A statement that has not ended this long after its cancel request loses its connection. */
const CANCEL_GRACE_MS = 1000

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
    types: pgTypes,
    ...(options.applicationName ? { application_name: options.applicationName } : {}),
  })
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined)
  // So would one that breaks while it is lent and nothing runs on it: its next statement fails instead.
  pool.on('connect', (client) => client.on('error', () => undefined))
  return poolDatabase(pool, options.url, undefined)
}

function poolDatabase(
  pool: pg.Pool,
  url: string,
  signal: AbortSignal | undefined,
  root?: Database,
): Database {
  const database: Database = {
    kind: 'pg',
    pool: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    async query<R>(text: string, params: readonly Param[] = []) {
      refuseInsideTransaction('A statement outside the transaction')
      if (!signal) return (await pool.query(text, params as unknown[])).rows as R[]
      return withClient(pool, url, signal, (client) => runOn(client)<R>(text, params))
    },
    async transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}) {
      refuseInsideTransaction('A second transaction')
      return withClient(pool, url, signal, (client) => transact(runOn(client), signal, work, options))
    },
    bound: (next) =>
      poolDatabase(pool, url, signal ? AbortSignal.any([signal, next]) : next, root ?? database),
    get unbound() {
      return root ?? database
    },
    async script(text) {
      refuseInsideTransaction('A script')
      await pool.query(text)
    },
    close: () => pool.end(),
  }
  return database
}

const runOn =
  (client: pg.PoolClient): Queryable['query'] =>
  async <R>(text: string, params: readonly Param[] = []) =>
    (await client.query(text, params as unknown[])).rows as R[]

/** Lends a connection; an abort sends a cancel request for whatever runs on it. */
async function withClient<T>(
  pool: pg.Pool,
  url: string,
  signal: AbortSignal | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await lend(pool, signal)
  let grace: NodeJS.Timeout | undefined
  const onAbort = () => {
    cancelStatement(client, url)
    grace = setTimeout(() => cutConnection(client), CANCEL_GRACE_MS)
  }
  signal?.addEventListener('abort', onAbort, { once: true })
  let broken: Error | undefined
  try {
    return await work(client)
  } catch (error) {
    if (lostConnection(error)) broken = error as Error
    if (signal?.aborted) throw signal.reason
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
    clearTimeout(grace)
    // A cancel request may still be under way: the connection must not be lent to somebody it would hit.
    client.release(broken ?? (signal?.aborted ? true : undefined))
  }
}

/** A connection of the pool; an abort ends the wait for one. */
async function lend(pool: pg.Pool, signal: AbortSignal | undefined): Promise<pg.PoolClient> {
  signal?.throwIfAborted()
  const coming = pool.connect()
  if (!signal) return coming
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      reject(signal.reason)
      coming.then(
        (client) => client.release(),
        () => undefined,
      )
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const arrived = () => signal.removeEventListener('abort', onAbort)
    coming.then(
      (client) => {
        arrived()
        if (!signal.aborted) resolve(client)
      },
      (error) => {
        arrived()
        reject(error)
      },
    )
  })
}
