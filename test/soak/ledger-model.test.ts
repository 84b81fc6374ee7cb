/** Thousands of sequences against the ledger in memory; SOAK_RUNS asks for another number. */
import { test } from 'vitest'
import { checkModel } from '#test/support/ledger/ledger-steps.ts'
import { startTeg } from '#test/support/teg.ts'

const RUNS = Number(process.env.SOAK_RUNS ?? 3000)

test('the gate answers as the ledger in memory does over thousands of sequences', {
  timeout: 300_000 + RUNS * 10_000,
}, async () => {
  // A database of its own now and then: the search for faults reads all of history.
  for (let left = RUNS; left > 0; left -= 250) {
    const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
    await checkModel(t, Math.min(left, 250), 250 * 10_000)
  }
})
