/** What every call is given: the database, time, ids, randomness, log and the caller. No global state beside it. */
import { randomBytes } from 'node:crypto'
import type { Caller } from '#core/base/caller.ts'
import { uuidv7 } from '#core/base/ids.ts'
import type { Coordination } from './coordination/coordination.ts'
import type { Database, Transaction } from './database/database.ts'
import type { Log } from './log.ts'

export interface Clock {
  /** The process's wall clock: for signatures and tokens. Facts in the database take the database's time. */
  now(): Date
  /** Null in production: statements then use clock_timestamp(); the test's time in tests. */
  readonly fixed: Date | null
}

/** What a service holds for as long as its process runs. */
export interface Resources {
  readonly db: Database
  readonly coordination: Coordination
  readonly clock: Clock
  readonly random: (size: number) => Uint8Array
  readonly log: Log
}

/** On whose order commands of a task go to another service, which refuses those of a former holder. */
export interface Fence {
  readonly task: string
  readonly incarnation: number
  readonly epoch: string
  /** RFC 3339. */
  readonly slot: string
}

/** What one call holds. A registry or TEG context adds the service's own resources. */
export interface Context extends Resources {
  /** `$now` of statements: null lets the database's clock decide. */
  readonly time: Date | null
  readonly caller: Caller
  readonly requestId: string
  /** Aborts at the deadline, when the client goes away and when the host drains. */
  readonly signal: AbortSignal
  /** When the signal aborts by time, as performance.now(): passed on to other services. */
  readonly deadline?: number | undefined
  /** A new UUIDv7. */
  readonly newId: () => string
  /** The Idempotency-Key of the request, if any. */
  readonly idempotencyKey: string | null
  /**
   * Runs the one transaction of a command. With an Idempotency-Key the reply is recorded in the same transaction,
   * and a repeat gets the recorded reply without running `work` again.
   */
  readonly once: <T>(work: (tx: Transaction) => Promise<T>) => Promise<T>
  /** In a run of a task: its commands to other services carry it. */
  readonly fence?: Fence
}

/** The system's clock. */
export const systemClock: Clock = { now: () => new Date(), fixed: null }

const POOL_BYTES = 4096
let pool = new Uint8Array(0)
let used = 0

/** Random bytes of the system; small requests are cut from a pool, because a call each costs 5 % of a short request. */
export function systemRandom(size: number): Uint8Array {
  if (size > 64) return randomBytes(size)
  if (used + size > pool.length) {
    pool = randomBytes(POOL_BYTES)
    used = 0
  }
  used += size
  return pool.slice(used - size, used)
}

/** A generator of UUIDv7 from a clock and a source of randomness. */
export const idMaker = (clock: Clock, random: (size: number) => Uint8Array) => () =>
  uuidv7(clock.now().getTime(), random(10))
