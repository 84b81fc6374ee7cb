/** The embedded adapter: one PGlite session behind a first-come queue. */
import { mkdir } from 'node:fs/promises'
import { PGlite, types } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { unaccent } from '@electric-sql/pglite/contrib/unaccent'
import type { Database, Param, Queryable, Transaction, TransactionOptions } from './database.ts'
import { inTransactionScope, refuseInsideTransaction } from './scope.ts'

const parsers = {
  [types.INT8]: (text: string) => BigInt(text),
  [types.NUMERIC]: (text: string) => text,
}

export interface PgliteOptions {
  /** Folder of the data; absent: in memory. */
  dataDir?: string
  /** A data folder's dump to start from (tests). */
  dump?: Blob
}

/** Opens an embedded PostgreSQL 18. Writes reach the file system before a commit returns; kill -9 is survived. */
export async function openPglite(options: PgliteOptions = {}): Promise<Database> {
  if (options.dataDir) await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  const engine = await PGlite.create({
    ...(options.dataDir ? { dataDir: options.dataDir } : {}),
    ...(options.dump ? { loadDataDir: options.dump } : {}),
    parsers,
    extensions: { pg_trgm, unaccent },
    relaxedDurability: false,
  })
  return pgliteDatabase(engine)
}

/** Dumps the data folder of an embedded database (tests start from such a template). */
export type Engine = PGlite

/** Wraps an engine that is already open. */
export function pgliteDatabase(engine: PGlite): Database {
  const enqueue = createQueue()
  const run = async <R>(text: string, params: readonly Param[] = []): Promise<R[]> =>
    (await engine.query<R>(text, params as unknown[])).rows

  const make = (signal: AbortSignal | undefined): Database => ({
    kind: 'pglite',
    async query<R>(text: string, params?: readonly Param[]) {
      refuseInsideTransaction('A statement outside the transaction')
      return enqueue(() => run<R>(text, params), signal)
    },
    async transaction<T>(work: (tx: Transaction) => Promise<T>, txOptions: TransactionOptions = {}) {
      refuseInsideTransaction('A second transaction')
      return enqueue(() => transact(run, signal, work, txOptions), signal)
    },
    bound: (next) => make(signal ? AbortSignal.any([signal, next]) : next),
    async script(text) {
      refuseInsideTransaction('A script')
      await enqueue(() => engine.exec(text), signal)
    },
    close: () => enqueue(() => engine.close()),
  })
  return make(undefined)
}

async function transact<T>(
  run: Queryable['query'],
  signal: AbortSignal | undefined,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const isolation = options.isolation ?? 'read committed'
  await run(`begin isolation level ${isolation}${options.readOnly ? ' read only' : ''}`)
  let over = false
  const tx: Transaction = {
    transaction: true,
    query: async (text, params) => {
      if (over) throw new Error('The transaction is over')
      signal?.throwIfAborted()
      return run(text, params)
    },
  }
  try {
    const result = await inTransactionScope(() => work(tx))
    signal?.throwIfAborted()
    over = true
    await run('commit')
    return result
  } catch (error) {
    over = true
    await run('rollback')
    throw error
  }
}

/** A first-come queue of one; what is aborted while it waits never runs. */
function createQueue() {
  let tail: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const turn = tail.then(() => {
      signal?.throwIfAborted()
      return work()
    })
    tail = turn.catch(() => undefined)
    return turn
  }
}
