/** The Database port: visible SQL with bound parameters; adapters on pg (server) and PGlite (embedded). */

/**
 * A bound parameter. bigint goes to int8, Date to timestamptz, arrays to PostgreSQL arrays, objects to json(b).
 * A JSON array must be given as text (JSON.stringify), or the server takes it for a PostgreSQL array.
 */
export type Param = unknown

export interface StatementOptions {
  /**
   * The name of a hot statement: where a connection is proven to be the server's own, the server keeps it there, parsed and
   * planned once for all its calls. For statements whose text never changes, whose parameters all have a cast (their types
   * are fixed once) and whose plan leaves no choice: inserts and calls of functions. A look-up planned while its table was
   * empty would read all of it until the server's next count.
   */
  readonly keep?: string
}

/**
 * What a statement runs on: the database or an open transaction.
 * Rows come with int8 as bigint, timestamptz as Date, json(b) parsed, bytea as Uint8Array; numeric, date and interval as text.
 */
export interface Queryable {
  query<R = Record<string, unknown>>(
    text: string,
    params?: readonly Param[],
    options?: StatementOptions,
  ): Promise<R[]>
}

export interface TransactionOptions {
  isolation?: 'read committed' | 'repeatable read'
  readOnly?: boolean
}

export interface Transaction extends Queryable {
  /** Makes the type nominal: a statement that must stand in a transaction takes a Transaction. */
  readonly transaction: true
  /**
   * A statement whose result nobody waits for: it travels with the next statement or with the commit, in the order told.
   * Its failure is the failure of the transaction, told where it travels to, and no savepoint undoes it.
   */
  later(text: string, params?: readonly Param[], options?: StatementOptions): void
}

export interface PoolFigures {
  readonly total: number
  readonly idle: number
  readonly waiting: number
}

export interface Database extends Queryable {
  /** Connections of this process: open, idle, and callers that wait for one; absent where there is no pool. */
  readonly pool?: () => PoolFigures
  /** The adapter: pglite runs one statement at a time and is bound to this process. */
  readonly kind: 'pg' | 'pglite'
  /** Runs `work` in one transaction; commits when it resolves, rolls back when it throws or the signal aborts. */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** The same database with every statement bound to a signal: an abort cancels what runs and what waits. */
  bound(signal: AbortSignal): Database
  /** The same database without any call's signal: for statements that several calls share. */
  readonly unbound: Database
  /** Runs a script of several statements without parameters (migrations). */
  script(text: string): Promise<void>
  close(): Promise<void>
}

/** A statement failed on the database's side; `code` is the SQLSTATE. */
export interface DatabaseError extends Error {
  code: string
  constraint?: string
}

/** True when an error is a violation of the named unique or check constraint. */
export function violates(error: unknown, constraint: string): boolean {
  const found = error as Partial<DatabaseError> | null
  return typeof found?.code === 'string' && found.code.startsWith('23') && found.constraint === constraint
}

/**
 * True when a connection no longer has the kept statement that it was asked for, or a migration has given it another result.
 * The statement was not run, and the connection has forgotten what it kept: the next try has it parsed anew.
 */
export function isOutdated(error: unknown): boolean {
  const { code, routine } = (error ?? {}) as { code?: string; routine?: string }
  // 0A000 says much else; the routine is no translated word.
  return code === '26000' || code === '42P05' || (code === '0A000' && routine === 'RevalidateCachedQuery')
}

/** True when no connection came about, or the server took none: surely nothing was done. */
export function neverConnected(error: unknown): boolean {
  const code = (error as Partial<DatabaseError> | null)?.code ?? ''
  return (
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|57P03|53300)$/.test(code) ||
    /timeout exceeded when trying to connect|Connection terminated due to connection timeout/.test(
      String((error as Error | null)?.message),
    )
  )
}

/** True when the connection was lost, so that the outcome of a write is not known. */
export function lostConnection(error: unknown): boolean {
  const code = (error as Partial<DatabaseError> | null)?.code ?? ''
  return (
    /^(08|57P)/.test(code) ||
    /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND)/.test(code) ||
    /Connection terminated|terminating connection|server closed|not queryable/i.test(
      String((error as Error)?.message),
    )
  )
}
