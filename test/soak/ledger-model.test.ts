/** Thousands of sequences against the ledger in memory; SOAK_RUNS asks for another number. */
import { test } from 'vitest'
import { checkModel } from '#test/support/ledger/ledger-steps.ts'
import { during } from '#test/support/ledger/prove-sequences.ts'
import { startTeg } from '#test/support/teg.ts'

const RUNS = Number(process.env.SOAK_RUNS ?? 3000)
/** Sequences of one database: the search for faults reads all of history. */
const OF_ONE = 250

test(
  'the gate answers as the ledger in memory does over thousands of sequences',
  during(2 * RUNS),
  async () => {
    for (let left = RUNS; left > 0; left -= OF_ONE)
      await checkModel(await startTeg({ MINTING_AUTHORITY: 'teg-layer' }), Math.min(left, OF_ONE))
  },
)
