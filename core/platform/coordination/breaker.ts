/** A circuit breaker: after an outage it answers from the fallback for a pause, then lets one call try. */

export interface BreakerOptions {
  pauseMs: number
  monotonic: () => number
  /** True when the error means that the other side is away (not that it refused this one call). */
  isOutage: (error: unknown) => boolean
}

export type Breaker = <T>(work: () => Promise<T>, otherwise: () => T) => Promise<T>

export function openBreaker({ pauseMs, monotonic, isOutage }: BreakerOptions): Breaker {
  let openUntil: number | null = null
  let probing = false
  return async (work, otherwise) => {
    if (openUntil !== null && (probing || monotonic() < openUntil)) return otherwise()
    const probe = openUntil !== null
    probing ||= probe
    try {
      const result = await work()
      openUntil = null
      return result
    } catch (error) {
      if (isOutage(error)) openUntil = monotonic() + pauseMs
      return otherwise()
    } finally {
      if (probe) probing = false
    }
  }
}
