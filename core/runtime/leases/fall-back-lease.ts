/** Leases of the shared store, and of a second one while the first does not answer. */
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import type { LeaseStore } from './hold-lease.ts'
import { systemTime, type Time } from './time.ts'

/** So long the first store must be away before a newcomer turns to the second: holders have moved there by then. */
const PATIENCE_MS = 10_000

/**
 * Holders move to `second` as soon as `first` is away and back when it answers; newcomers wait in between, so that an
 * outage does not pass the lease on. What slips through is caught by the epoch.
 */
export function fallBackLease(
  first: LeaseStore & Pick<Coordination, 'ping'>,
  second: LeaseStore,
  time: Time = systemTime,
): LeaseStore {
  let awaySince: number | null = null
  const away = async (): Promise<boolean> => {
    if (await first.ping()) awaySince = null
    else awaySince ??= time.monotonic()
    return awaySince !== null && time.monotonic() - awaySince >= PATIENCE_MS
  }
  return {
    async acquireLease(name, token, ttlMs) {
      if (!(await first.acquireLease(name, token, ttlMs)))
        return (await away()) && (await second.acquireLease(name, token, ttlMs))
      // Somebody may still hold it in the second store, about to move back.
      const free = await second.acquireLease(name, token, ttlMs).catch(() => false)
      await (free ? second : first).releaseLease(name, token)
      return free
    },
    async renewLease(name, token, ttlMs) {
      const found = await first.renewLease(name, token, ttlMs)
      if (found === 'held') return 'held'
      const held = await (found === 'unknown' ? second : first).acquireLease(name, token, ttlMs)
      return held ? 'held' : 'lost'
    },
    async releaseLease(name, token) {
      await Promise.all([first.releaseLease(name, token), second.releaseLease(name, token)])
    },
  }
}
