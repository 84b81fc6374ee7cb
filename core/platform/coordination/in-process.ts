/** Coordination inside one process: maps with monotonic timers, bounded in entries and bytes. */
import { refuseInsideTransaction } from '../database/scope.ts'
import {
  CACHE_VALUE_BYTES_MAX,
  COORDINATION_CALL,
  type Coordination,
  type RateVerdict,
} from './coordination.ts'
import { gcra } from './gcra.ts'

const RATE_KEYS_MAX = 100_000
const CACHE_BYTES_MAX = 16 * 1024 * 1024

/**
 * Opens it. `monotonic` gives milliseconds that never go back.
 * @param workers processes that each open one of their own: each allows its part of a limit
 */
export function openInProcess(monotonic: () => number = () => performance.now(), workers = 1): Coordination {
  const leases = new Map<string, { token: string; until: number }>()
  const listeners = new Map<string, Set<(message: string) => void>>()
  const limiter = openLimiter(monotonic)
  const cache = openCache(monotonic)
  const holder = (name: string) => {
    const lease = leases.get(name)
    return lease && lease.until > monotonic() ? lease.token : undefined
  }
  const hold = (name: string, token: string, ttlMs: number) =>
    leases.set(name, { token, until: monotonic() + ttlMs })
  return {
    kind: 'in-process',
    async acquireLease(name, token, ttlMs) {
      refuseInsideTransaction(COORDINATION_CALL)
      if ((holder(name) ?? token) !== token) return false
      hold(name, token, ttlMs)
      return true
    },
    async renewLease(name, token, ttlMs) {
      refuseInsideTransaction(COORDINATION_CALL)
      if (holder(name) !== token) return 'lost'
      hold(name, token, ttlMs)
      return 'held'
    },
    async releaseLease(name, token) {
      refuseInsideTransaction(COORDINATION_CALL)
      if (holder(name) === token) leases.delete(name)
    },
    async freeLeases(names) {
      refuseInsideTransaction(COORDINATION_CALL)
      return names.filter((name) => holder(name) === undefined)
    },
    async limitRate(key, limit, windowMs) {
      refuseInsideTransaction(COORDINATION_CALL)
      return limiter(key, partOf(limit, workers), windowMs)
    },
    async publish(channel, message) {
      refuseInsideTransaction(COORDINATION_CALL)
      for (const listener of listeners.get(channel) ?? []) queueMicrotask(() => listener(message))
    },
    async subscribe(channel, listener) {
      refuseInsideTransaction(COORDINATION_CALL)
      // Wrapped, so that the same function may listen twice and end each time on its own.
      const own = (message: string) => listener(message)
      listeners.set(channel, (listeners.get(channel) ?? new Set()).add(own))
      return async () => {
        listeners.get(channel)?.delete(own)
      }
    },
    async cacheGet(key) {
      refuseInsideTransaction(COORDINATION_CALL)
      return cache.get(key)
    },
    async cacheSet(key, value, ttlMs) {
      refuseInsideTransaction(COORDINATION_CALL)
      cache.set(key, value, ttlMs)
    },
    async ping() {
      refuseInsideTransaction(COORDINATION_CALL)
      return true
    },
    isShared: () => true,
    async close() {
      listeners.clear()
      leases.clear()
    },
  }
}

/** What one of several workers allows when they cannot count together. */
export const partOf = (limit: number, workers: number): number => Math.max(1, Math.ceil(limit / workers))

/** A rate limiter of this process alone; the adapter on Redis falls back to it. */
export function openLimiter(
  monotonic: () => number = () => performance.now(),
): (key: string, limit: number, windowMs: number) => RateVerdict {
  const kept = new Map<string, number>()
  return (key, limit, windowMs) => {
    const now = Math.floor(monotonic() * 1000)
    const { verdict, next } = gcra(kept.get(key), now, limit, windowMs)
    if (next === undefined) return verdict
    // Put back at the end: the map stays in the order of last use, and the longest unused key makes room.
    kept.delete(key)
    kept.set(key, next)
    if (kept.size > RATE_KEYS_MAX) kept.delete(kept.keys().next().value as string)
    return verdict
  }
}

function openCache(monotonic: () => number) {
  const entries = new Map<string, { value: string; until: number; bytes: number }>()
  let total = 0
  const drop = (key: string) => {
    total -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }
  return {
    get(key: string): string | null {
      const entry = entries.get(key)
      if (!entry) return null
      entries.delete(key)
      if (entry.until > monotonic()) {
        entries.set(key, entry)
        return entry.value
      }
      total -= entry.bytes
      return null
    },
    set(key: string, value: string, ttlMs: number): void {
      drop(key)
      const size = Buffer.byteLength(value)
      if (size > CACHE_VALUE_BYTES_MAX || ttlMs <= 0) return
      const bytes = size + Buffer.byteLength(key)
      entries.set(key, { value, until: monotonic() + ttlMs, bytes })
      total += bytes
      while (total > CACHE_BYTES_MAX) drop(entries.keys().next().value as string)
    },
  }
}
