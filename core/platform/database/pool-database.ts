/** The Database port over a pool of connections; safe behind pgbouncer in transaction mode (no session state, no named statements). */
import type pg from 'pg'
import {
  type Database,
  lostConnection,
  type Param,
  type Queryable,
  type Transaction,
  type TransactionOptions,
} from './database.ts'
import { refuseInsideTransaction } from './scope.ts'
import { sendGroup } from './send-group.ts'
import { type RunGroup, transact } from './transact.ts'

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

  async query<R>(text: string, params: readonly Param[] = []): Promise<R[]> {
    refuseInsideTransaction('A statement outside the transaction')
    const { driver, signal } = this
    if (!signal) return (await driver.pool.query(text, prepared(driver, params))).rows as R[]
    return withClient(driver, signal, (client) => runOn(driver, client)<R>(text, params))
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

const prepared = ({ prepare }: DriverPool, params: readonly Param[]): unknown[] =>
  prepare ? params.map(prepare) : (params as unknown[])

const runOn =
  (driver: DriverPool, client: pg.PoolClient): Queryable['query'] =>
  async <R>(text: string, params: readonly Param[] = []) =>
    (await client.query(text, prepared(driver, params))).rows as R[]

const groupsOn =
  (driver: DriverPool, client: pg.PoolClient): RunGroup =>
  (statements) =>
    sendGroup(
      client,
      statements.map(({ text, params }) => ({ text, values: prepared(driver, params) })),
    )

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
