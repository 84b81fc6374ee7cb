/** Leases in the database of a service: beside Redis, and instead of it. */
import type { Resources } from '../context.ts'
import { dropLeaseRow, listHeldLeases, type Schema, takeLeaseRow } from './queries.ts'

export function keepLeases({ db, clock }: Pick<Resources, 'db' | 'clock'>, schema: Schema = 'registry') {
  const take = async (name: string, token: string, ttlMs: number) =>
    (await takeLeaseRow(db, schema, name, token, ttlMs, clock.fixed)).length === 1
  return {
    acquireLease: take,
    /** Taking prolongs what the token holds; a lapsed row that nobody took is its again. */
    renewLease: async (name: string, token: string, ttlMs: number): Promise<'held' | 'lost'> =>
      (await take(name, token, ttlMs)) ? 'held' : 'lost',
    async releaseLease(name: string, token: string): Promise<void> {
      await dropLeaseRow(db, schema, name, token)
    },
    async freeLeases(names: readonly string[]): Promise<readonly string[]> {
      const held = new Set((await listHeldLeases(db, schema, names, clock.fixed)).map(({ name }) => name))
      return names.filter((name) => !held.has(name))
    },
  }
}
