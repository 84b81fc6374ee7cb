/** Leases in the registry's database, for the time without Redis. */
import type { Resources } from '#core/platform/context.ts'
import { dropLeaseRow, takeLeaseRow } from './queries.ts'

export function keepLeases({ db, clock }: Pick<Resources, 'db' | 'clock'>) {
  const take = (name: string, token: string, ttlMs: number) =>
    db.transaction(async (tx) => (await takeLeaseRow(tx, name, token, ttlMs, clock.fixed)).length === 1)
  return {
    acquireLease: take,
    /** Taking prolongs what the token holds; a lapsed row that nobody took is its again. */
    renewLease: async (name: string, token: string, ttlMs: number): Promise<'held' | 'lost'> =>
      (await take(name, token, ttlMs)) ? 'held' : 'lost',
    async releaseLease(name: string, token: string): Promise<void> {
      await db.transaction((tx) => dropLeaseRow(tx, name, token))
    },
  }
}
