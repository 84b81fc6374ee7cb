/** The Database port over a pool of connections; safe behind pgbouncer in transaction mode (no session state but on proven connections). */
import type pg from 'pg'
import {
  type Database,
  isOutdated,
  lostConnection,
  type Param,
  type StatementOptions,
  type Transaction,
  type TransactionOptions,
} from './database.ts'
import type { ProveDirect } from './prove-direct.ts'
import { refuseInsideTransaction } from './scope.ts'
import { type Prepared, sendGroup } from './send-group.ts'
import { type RunGroup, type Statement, transact } from './transact.ts'

/** A statement that has not ended this long after its cancel request loses its connection. */
const CANCEL_GRACE_MS = 1000

/** A pool of a driver that speaks as pg does. */
export interface DriverPool {
  readonly pool: pg.Pool
  /** Asks for the end of what runs on a connection. */
  readonly interrupt: (client: pg.PoolClient) => void
  /** Ends the connection itself: what waits on it fails as lost. */
  readonly cut: (client: pg.PoolClient) => void
  /** Puts a parameter into the form that the driver knows; absent: it knows all. */
  readonly prepare?: (param: Param) => Param
  /** Whether a connection is the server's own, so that it keeps statements by name; absent: none is. */
  readonly isDirect?: ProveDirect
}

/** The Database port over a pool. */
export const poolDatabase = (driver: DriverPool): Database => new PoolDatabase(driver, undefined, undefined)

/** A class: each request binds one or two, and a literal of closures with a getter costs as much as a statement's text. */
class PoolDatabase implements Database {
  readonly kind = 'pg'
  private readonly driver: DriverPool
  private readonly signal: AbortSignal | undefined
  private readonly root: Database | undefined

  constructor(driver: DriverPool, signal: AbortSignal | undefined, root: Database | undefined) {
    this.driver = driver
    this.signal = signal
    this.root = root
  }

  pool() {
    const { totalCount, idleCount, waitingCount } = this.driver.pool
    return { total: totalCount, idle: idleCount, waiting: waitingCount }
  }

  async query<R>(text: string, params: readonly Param[] = [], { keep }: StatementOptions = {}): Promise<R[]> {
    refuseInsideTransaction('A statement outside the transaction')
    const { driver, signal } = this
    if (!signal && keep === undefined)
      return (await driver.pool.query(text, written(driver, params))).rows as R[]
    return withClient(driver, signal, (client) => runOn<R>(driver, client, { text, params, keep }))
  }

  async transaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    refuseInsideTransaction('A second transaction')
    const { driver, signal } = this
    return withClient(driver, signal, (client) => transact(groupsOn(driver, client), signal, work, options))
  }

  bound(next: AbortSignal): Database {
    const { driver, signal } = this
    return new PoolDatabase(driver, signal ? AbortSignal.any([signal, next]) : next, this.unbound)
  }

  get unbound(): Database {
    return this.root ?? this
  }

  async script(text: string): Promise<void> {
    refuseInsideTransaction('A script')
    await this.driver.pool.query(text)
  }

  async close(): Promise<void> {
    await this.driver.pool.end()
  }
}

const written = ({ prepare }: DriverPool, params: readonly Param[]): unknown[] =>
  prepare ? params.map(prepare) : (params as unknown[])

/** A statement outside of a transaction. One that was outdated has done nothing: it goes once more, parsed anew. */
async function runOn<R>(driver: DriverPool, client: pg.PoolClient, statement: Statement): Promise<R[]> {
  const run = groupsOn(driver, client)
  let end = await run([statement])
  if (isOutdated(end.error)) end = await run([statement])
  if (end.rows.length === 0) throw end.error
  return end.rows[0] as R[]
}

const groupsOn =
  (driver: DriverPool, client: pg.PoolClient): RunGroup =>
  async (statements) => {
    try {
      const mayKeep =
        statements.some(({ keep }) => keep !== undefined) && (await driver.isDirect?.(client)) === true
      const all = statements.map(({ text, params, keep }): Prepared => {
        const values = written(driver, params)
        return mayKeep && keep !== undefined ? { text, values, name: keep } : { text, values }
      })
      return await sendGroup(client, all)
    } catch (error) {
      return { rows: [], error }
    }
  }

/** Lends a connection; an abort sends a cancel request for whatever runs on it. */
async function withClient<T>(
  { pool, interrupt, cut }: DriverPool,
  signal: AbortSignal | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await lend(pool, signal)
  let grace: NodeJS.Timeout | undefined
  const onAbort = () => {
    interrupt(client)
    grace = setTimeout(() => cut(client), CANCEL_GRACE_MS)
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
