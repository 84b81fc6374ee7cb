/** The Coordination port: leases, rate limits, hints and a small cache shared by workers. It may forget anything. */

export interface RateVerdict {
  readonly allowed: boolean
  /** Requests left before the limit. */
  readonly remaining: number
  /** Seconds until one more request is allowed (0 while allowed). */
  readonly retryAfterSeconds: number
  /** Seconds until the whole quota is there again. */
  readonly resetSeconds: number
  /** True when the shared store was away and a local limit decided. */
  readonly degraded: boolean
}

/** What a renewal found: still ours, somebody else's or forgotten, or the store did not answer. */
export type Renewal = 'held' | 'lost' | 'unknown'

/** Every method but the release of resources throws when called inside a database transaction. */
export interface Coordination {
  readonly kind: 'redis' | 'in-process' | 'postgres'
  /** Takes a lease that nobody holds, or prolongs it where `token` holds it already. @returns whether `token` holds it now */
  acquireLease(name: string, token: string, ttlMs: number): Promise<boolean>
  /** Prolongs a lease that `token` holds. */
  renewLease(name: string, token: string, ttlMs: number): Promise<Renewal>
  /** Gives a lease back if `token` holds it. */
  releaseLease(name: string, token: string): Promise<void>
  /** Which of these leases nobody holds, asked at once; null: the store did not answer. */
  freeLeases(names: readonly string[]): Promise<readonly string[] | null>
  /**
   * GCRA: `limit` requests per `windowMs` with a burst of `limit`. Without the store each worker allows its part, rounded
   * up, at least one.
   */
  limitRate(key: string, limit: number, windowMs: number): Promise<RateVerdict>
  /** Sends a hint to every worker; it may be lost. */
  publish(channel: string, message: string): Promise<void>
  /** Receives hints; the listener must not throw. @returns a function that ends it */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>
  cacheGet(key: string): Promise<string | null>
  /** Keeps a text of at most CACHE_VALUE_BYTES_MAX; a longer one is not kept. */
  cacheSet(key: string, value: string, ttlMs: number): Promise<void>
  /** True when the store answers. */
  ping(): Promise<boolean>
  /** False while the store is known to be away and fallbacks answer: what the last calls have found, without asking. */
  isShared(): boolean
  close(): Promise<void>
}

/** The store is small (128 MB in the stack) and shared: one value may not push out everything else. */
export const CACHE_VALUE_BYTES_MAX = 256 * 1024

/** What each use of the port begins with; see house rule 7. */
export const COORDINATION_CALL = 'A call to the coordination store'
