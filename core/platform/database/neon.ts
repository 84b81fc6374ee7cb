/** The server adapter over a WebSocket: Neon's driver, to Neon itself or through the bridge of a Ninefold host. */
import { neonConfig, Pool, types } from '@neondatabase/serverless'
import type pg from 'pg'
import type { Database } from './database.ts'
import { type NeonWay, proxyOf } from './neon-way.ts'
import { poolDatabase } from './pool-database.ts'
import { bytesAsText, type Parse, valueReaders } from './value-types.ts'

export interface NeonOptions extends NeonWay {
  /** Most connections: WebSockets. */
  max?: number
  connectTimeoutMs?: number
}

const readerOf = valueReaders((oid) => types.getTypeParser(oid as never, 'text') as Parse)

/** Opens a pool. Connections are made when first needed, and in a Worker they end with the request. */
export function openNeon(options: NeonOptions): Database {
  configure(options)
  const pool = new Pool({
    connectionString: options.url,
    max: options.max ?? 1,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    idleTimeoutMillis: 30_000,
    types: { getTypeParser: readerOf as never },
  }) as unknown as pg.Pool
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
  // There is no second way in for a cancel request: the connection is ended, and with it the transaction.
  return poolDatabase({ pool, interrupt: cut, cut, prepare: bytesAsText })
}

const cut = (client: pg.PoolClient): void =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy()

/** The driver's settings are the process's: a function has one database. */
function configure({ bridge }: NeonWay): void {
  if (!bridge) return
  const { host, isSecure, socket } = proxyOf(bridge)
  neonConfig.wsProxy = (at, port) => `${host}/v1?address=${at}:${port}`
  neonConfig.useSecureWebSocket = isSecure
  // Between bridge and pooler runs the plain protocol, with the password proven by SCRAM: nothing may be sent ahead of it.
  neonConfig.pipelineTLS = false
  neonConfig.pipelineConnect = false
  neonConfig.webSocketConstructor = socket as never
}
