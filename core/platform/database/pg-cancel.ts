/** Ends what runs on a connection: by a cancel request, and by force when that does not help. */
import pg from 'pg'

const CANCEL_CONNECTION_MS_MAX = 2000

/** What pg's client has and its types do not tell. */
interface Inside {
  processID: number | null
  secretKey: number | null
  host: string
  port: number
  ssl: unknown
  connection: {
    stream: { destroy(): void }
    on(event: 'error' | 'connect' | 'sslconnect' | 'end', listener: () => void): void
    connect(port: number | string, host?: string): void
    cancel(processId: number, secretKey: number): void
  }
}

const inside = (client: pg.Client | pg.PoolClient) => client as unknown as Inside

/** Asks the server (or pgbouncer) to cancel what runs on a connection, over a connection of its own. */
export function cancelStatement(client: pg.PoolClient, url: string): void {
  const { processID, secretKey } = inside(client)
  if (processID === null || secretKey === null) return
  const canceller = inside(new pg.Client({ connectionString: url }))
  const { connection, host, port } = canceller
  const timer = setTimeout(() => connection.stream.destroy(), CANCEL_CONNECTION_MS_MAX)
  // Without an answer the statement's connection is cut after its grace: nothing is left to do here.
  connection.on('error', () => clearTimeout(timer))
  connection.on('end', () => clearTimeout(timer))
  connection.on(canceller.ssl ? 'sslconnect' : 'connect', () => connection.cancel(processID, secretKey))
  if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
  else connection.connect(port, host)
}

/** Cuts a connection: what waits on it fails as lost. */
export function cutConnection(client: pg.PoolClient): void {
  inside(client).connection.stream.destroy()
}
