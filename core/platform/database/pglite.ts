/** The embedded adapter: one PGlite session behind a first-come queue. */
import { mkdir } from 'node:fs/promises'
import { PGlite, types } from '@electric-sql/pglite'
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm'
import { unaccent } from '@electric-sql/pglite/contrib/unaccent'
import type { Database, Param, Transaction, TransactionOptions } from './database.ts'
import { textOfPacked } from './packed-array.ts'
import { refuseInsideTransaction } from './scope.ts'
import { oneByOne, transact } from './transact.ts'

const parsers = {
  [types.INT8]: (text: string) => BigInt(text),
  [types.NUMERIC]: (text: string) => text,
  [types.DATE]: (text: string) => text,
}

const refuse = (what: string): never => {
  throw new TypeError(what)
}
/** A server would take an array for a PostgreSQL array and any object for JSON: what would fail there fails here too. */
const json = (value: unknown): string =>
  typeof value === 'string'
    ? value
    : Array.isArray(value)
      ? refuse('A JSON array must be given as JSON.stringify(array)')
      : JSON.stringify(value)
const text = (value: unknown): string =>
  typeof value === 'object' ? refuse('An object was given for a text parameter') : String(value)
const serializers = {
  [types.JSON]: json,
  [types.JSONB]: json,
  [types.TEXT]: text,
  [types.VARCHAR]: text,
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
    serializers,
    extensions: { pg_trgm, unaccent },
    relaxedDurability: false,
  })
  return pgliteDatabase(engine)
}

/** Wraps an engine that is already open. */
export function pgliteDatabase(engine: PGlite): Database {
  const enqueue = createQueue()
  const run = async <R>(text: string, params: readonly Param[] = []): Promise<R[]> =>
    (await engine.query<R>(text, params.map(textOfPacked))).rows

  const make = (signal: AbortSignal | undefined): Database => ({
    kind: 'pglite',
    async query<R>(text: string, params?: readonly Param[]) {
      refuseInsideTransaction('A statement outside the transaction')
      return enqueue(() => run<R>(text, params), signal)
    },
    async transaction<T>(work: (tx: Transaction) => Promise<T>, txOptions: TransactionOptions = {}) {
      refuseInsideTransaction('A second transaction')
      return enqueue(() => transact(oneByOne(run), signal, work, txOptions), signal)
    },
    bound: (next) => make(signal ? AbortSignal.any([signal, next]) : next),
    get unbound() {
      return root
    },
    async script(text) {
      refuseInsideTransaction('A script')
      await enqueue(() => engine.exec(text), signal)
    },
    close: () => enqueue(() => engine.close()),
  })
  const root = make(undefined)
  return root
}

const yieldToEvents = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A first-come queue of one; what is aborted while it waits fails at once and never runs. */
function createQueue() {
  let tail: Promise<unknown> = Promise.resolve()
  return <T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    if (signal?.aborted) return Promise.reject(signal.reason)
    let started = false
    // The engine blocks the event loop and its promises never leave the microtask queue: without this step requests that
    // have arrived meanwhile would wait until the queue is empty, and batches would never hold more than one.
    const turn = tail.then(yieldToEvents).then(() => {
      signal?.throwIfAborted()
      started = true
      return work()
    })
    tail = turn.catch(() => undefined)
    if (!signal) return turn
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        if (!started) reject(signal.reason)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      turn.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    })
  }
}
