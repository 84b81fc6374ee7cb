/** Transfers in rings over all lanes: drawn places, lengths and directions, so that batches want the same accounts in any order. */
import fc from 'fast-check'
import { expect } from 'vitest'
import { type TestTeg, transfer } from '#test/support/teg.ts'
import { proveSequences } from './prove-sequences.ts'
import type { WatchedGates } from './watched-gates.ts'

const AGENTS = 8
const rings = fc.array(
  fc.record({
    at: fc.nat(AGENTS - 1),
    length: fc.integer({ min: 2, max: AGENTS }),
    back: fc.boolean(),
    gate: fc.nat(2),
  }),
  { minLength: 10, maxLength: 36, size: 'max' },
)

/** No ring meets a deadlock, and none loses anything. */
export async function checkRings(t: TestTeg, gates: WatchedGates, runs: number): Promise<void> {
  const counts = { moved: 0, refused: 0 }
  await proveSequences(t.db, rings, runs, async (drawn) => {
    const agents = await gates.openAgents(AGENTS, '3')
    const name = (index: number) => agents[((index % AGENTS) + AGENTS) % AGENTS] as string
    const outcomes = await Promise.all(
      drawn.map(({ at, length, back, gate }) =>
        gates.post(
          gate,
          Array.from({ length }, (_, i) =>
            back
              ? transfer(name(at - i), name(at - i - 1), '0.7')
              : transfer(name(at + i), name(at + i + 1), '0.7'),
          ),
        ),
      ),
    )
    for (const { ok } of outcomes.flat()) counts[ok ? 'moved' : 'refused']++
    expect(gates.failures).toEqual([])
  })
  // A ring gives back what it takes: nearly all go through, and a ledger that refused them would prove nothing.
  expect(counts.moved).toBeGreaterThan(runs * 10)
}
