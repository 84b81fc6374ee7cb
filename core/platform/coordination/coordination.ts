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

export interface Coordination {
  readonly kind: 'redis' | 'in-process'
  /** Takes a lease if nobody holds it. @returns whether `token` holds it now */
  acquireLease(name: string, token: string, ttlMs: number): Promise<boolean>
  /** Prolongs a lease that `token` holds. @returns false when it was lost */
  renewLease(name: string, token: string, ttlMs: number): Promise<boolean>
  /** Gives a lease back if `token` holds it. */
  releaseLease(name: string, token: string): Promise<void>
  /** GCRA: `limit` requests per `windowMs` with a burst of `limit`. Never throws: without the store a local limit decides. */
  limitRate(key: string, limit: number, windowMs: number): Promise<RateVerdict>
  /** Sends a hint to every worker; it may be lost. */
  publish(channel: string, message: string): Promise<void>
  /** Receives hints. @returns a function that ends it */
  subscribe(channel: string, listener: (message: string) => void): Promise<() => Promise<void>>
  cacheGet(key: string): Promise<string | null>
  cacheSet(key: string, value: string, ttlMs: number): Promise<void>
  /** True when the store answers. */
  ping(): Promise<boolean>
  close(): Promise<void>
}
