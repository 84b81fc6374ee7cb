/** A circuit breaker: after an outage it answers from the fallback for a pause, then lets one call try. */

export interface BreakerOptions {
  pauseMs: number
  /** Between 0 and 1: a pause is up to half as long again, so that workers do not all try in one moment. */
  random: () => number
  monotonic: () => number
  /** True when the error means that the other side is away (not that it refused this one call). */
  isOutage: (error: unknown) => boolean
}

export interface Breaker {
  call<T>(work: () => Promise<T>, otherwise: () => T): Promise<T>
  /** True from an outage until a call has got through again. */
  isOpen(): boolean
}

export function openBreaker({ pauseMs, random, monotonic, isOutage }: BreakerOptions): Breaker {
  let openUntil: number | null = null
  let probing = false
  const call: Breaker['call'] = async (work, otherwise) => {
    if (openUntil !== null && (probing || monotonic() < openUntil)) return otherwise()
    const probe = openUntil !== null
    probing ||= probe
    try {
      const result = await work()
      openUntil = null
      return result
    } catch (error) {
      if (isOutage(error)) openUntil = monotonic() + pauseMs * (1 + random() / 2)
      return otherwise()
    } finally {
      if (probe) probing = false
    }
  }
  return { call, isOpen: () => openUntil !== null }
}
