/** Random sequences on one ledger: how many a protocol is put to, that none is left out, and the search for faults among them. */
import fc from 'fast-check'
import { expect } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { findFaults } from './ledger-faults.ts'

/** Sequences of a protocol on a server. */
const RUNS_ON_SERVER = 300
/** The search reads all of history, so that one after each sequence would cost more than the sequences. */
const SEARCH_EVERY = 25

/**
 * Sequences of a protocol: 300 on a server; fewer on the embedded engine, where lanes take turns. SOAK_RUNS asks for
 * another number.
 */
export const countRuns = (embedded: number): number =>
  Number(process.env.SOAK_RUNS ?? (process.env.TEST_DATABASE_URL ? RUNS_ON_SERVER : embedded))

/** Milliseconds that so many sequences may take on a busy machine, with the shrinking of one that fails. */
const limitOf = (runs: number): number => 60_000 + runs * 1_500

/** Options of a test of so many sequences. */
export const during = (runs: number) => ({ timeout: limitOf(runs) + 60_000 })

/** Runs them all, and searches the tables for faults now and then, and at last. A time limit that is met is a failure. */
export async function proveSequences<T>(
  db: Database,
  drawn: fc.Arbitrary<T>,
  runs: number,
  run: (sequence: T) => Promise<void>,
): Promise<void> {
  let done = 0
  await fc.assert(
    fc.asyncProperty(drawn, async (sequence) => {
      await run(sequence)
      if (++done % SEARCH_EVERY === 1) expect(await findFaults(db)).toEqual([])
    }),
    { numRuns: runs, interruptAfterTimeLimit: limitOf(runs), markInterruptAsFailure: true },
  )
  expect(done).toBe(runs)
  expect(await findFaults(db)).toEqual([])
}
