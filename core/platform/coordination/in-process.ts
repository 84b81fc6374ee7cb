/** Coordination inside one process: maps with monotonic timers. */
import type { Coordination, RateVerdict } from './coordination.ts'

const KEYS_MAX = 100_000

/** Opens it. `monotonic` gives milliseconds that never go back. */
export function openInProcess(monotonic: () => number = () => performance.now()): Coordination {
  const leases = new Map<string, { token: string; until: number }>()
  const rates = new Map<string, number>()
  const cache = new Map<string, { value: string; until: number }>()
  const listeners = new Map<string, Set<(message: string) => void>>()
  const held = (name: string) => {
    const lease = leases.get(name)
    return lease && lease.until > monotonic() ? lease : undefined
  }
  return {
    kind: 'in-process',
    async acquireLease(name, token, ttlMs) {
      if (held(name)) return false
      leases.set(name, { token, until: monotonic() + ttlMs })
      return true
    },
    async renewLease(name, token, ttlMs) {
      if (held(name)?.token !== token) return false
      leases.set(name, { token, until: monotonic() + ttlMs })
      return true
    },
    async releaseLease(name, token) {
      if (held(name)?.token === token) leases.delete(name)
    },
    async limitRate(key, limit, windowMs) {
      if (rates.size > KEYS_MAX) for (const [name, at] of rates) if (at <= monotonic()) rates.delete(name)
      const { verdict, next } = gcra(rates.get(key), monotonic(), limit, windowMs)
      if (next !== undefined) rates.set(key, next)
      return verdict
    },
    async publish(channel, message) {
      for (const listener of [...(listeners.get(channel) ?? [])]) queueMicrotask(() => listener(message))
    },
    async subscribe(channel, listener) {
      const set = listeners.get(channel) ?? new Set()
      listeners.set(channel, set.add(listener))
      return async () => {
        set.delete(listener)
      }
    },
    async cacheGet(key) {
      const entry = cache.get(key)
      if (entry && entry.until > monotonic()) return entry.value
      cache.delete(key)
      return null
    },
    async cacheSet(key, value, ttlMs) {
      if (cache.size >= KEYS_MAX) cache.delete(cache.keys().next().value as string)
      cache.set(key, { value, until: monotonic() + ttlMs })
    },
    ping: async () => true,
    close: async () => listeners.clear(),
  }
}

/**
 * The generic cell rate algorithm: `at` is the theoretical arrival time kept for the key.
 * @returns the verdict and the value to keep (absent when refused)
 */
export function gcra(
  at: number | undefined,
  now: number,
  limit: number,
  windowMs: number,
): { verdict: RateVerdict; next?: number } {
  const step = windowMs / limit
  const start = Math.max(at ?? now, now)
  const next = start + step
  const spare = now + windowMs - next
  if (spare < -1e-6)
    return {
      verdict: {
        allowed: false,
        remaining: 0,
        retryAfterSeconds: -spare / 1000,
        resetSeconds: (start - now) / 1000,
        degraded: false,
      },
    }
  return {
    verdict: {
      allowed: true,
      remaining: Math.max(0, Math.floor((spare + 1e-6) / step)),
      retryAfterSeconds: 0,
      resetSeconds: (next - now) / 1000,
      degraded: false,
    },
    next,
  }
}
