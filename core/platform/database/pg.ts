/** The server adapter: a pg pool that is safe behind pgbouncer in transaction mode (statements are named on the server's own connections only). */
import pg from 'pg'
import type { Database } from './database.ts'
import { cancelStatement, cutConnection } from './pg-cancel.ts'
import { pgTypes } from './pg-types.ts'
import { poolDatabase } from './pool-database.ts'
import { makeProof } from './prove-direct.ts'

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
  return poolDatabase({
    pool,
    interrupt: (client) => cancelStatement(client, options.url),
    cut: cutConnection,
    isDirect: makeProof(),
  })
}
