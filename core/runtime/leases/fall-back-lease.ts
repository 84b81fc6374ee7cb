/** Leases of the shared store with a row in the database beside each: the store is quick to ask, the row is what counts. */
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { type LeaseSettings, type LeaseStore, leaseSettings } from './hold-lease.ts'
import { systemTime, type Time } from './time.ts'

/** Beside a lease that the store holds, the row lapses earlier: after a crash it never stands in a newcomer's way. */
const ROW_PART = 2 / 3

/**
 * A holder has both. What the store forgets (a flush, an eviction, a restart) is put back by the next renewal, because
 * the row still tells whose the lease is; nobody else can take it meanwhile. While the store is away the row alone
 * counts, and newcomers wait before they turn to it, so that an outage does not pass the lease on. What slips through
 * all the same is caught by the epoch.
 */
export function fallBackLease(
  first: LeaseStore & Pick<Coordination, 'ping'>,
  second: LeaseStore,
  time: Time = systemTime,
  settings: LeaseSettings = leaseSettings,
): LeaseStore {
  let awaySince: number | null = null
  const away = async (): Promise<boolean> => {
    if (await first.ping()) awaySince = null
    else awaySince ??= time.monotonic()
    return awaySince !== null && time.monotonic() - awaySince >= settings.giveUpMs
  }
  return {
    async acquireLease(name, token, ttlMs) {
      if (!(await first.acquireLease(name, token, ttlMs)))
        return (await away()) && (await second.acquireLease(name, token, ttlMs))
      const free = await second.acquireLease(name, token, ttlMs * ROW_PART).catch(() => false)
      if (!free) await first.releaseLease(name, token)
      return free
    },
    async renewLease(name, token, ttlMs) {
      const found = await first.renewLease(name, token, ttlMs)
      if (found === 'held') {
        // The database may be away for a while; work under the lease finds that out by itself.
        const kept = await second.acquireLease(name, token, ttlMs * ROW_PART).catch(() => true)
        return kept ? 'held' : 'lost'
      }
      if (!(await second.acquireLease(name, token, ttlMs))) return 'lost'
      if (found === 'lost') await first.acquireLease(name, token, ttlMs)
      return 'held'
    },
    async releaseLease(name, token) {
      await Promise.all([first.releaseLease(name, token), second.releaseLease(name, token)])
    },
    async freeLeases(names) {
      const free = await first.freeLeases?.(names)
      if (free) return free
      return (await away()) ? ((await second.freeLeases?.(names)) ?? null) : []
    },
  }
}
