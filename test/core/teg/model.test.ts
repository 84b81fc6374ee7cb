/** The gate against the ledger in memory: random batches on few, tight accounts; far more of them on a server. */
import { test } from 'vitest'
import { checkModel } from '#test/support/ledger/ledger-steps.ts'
import { countRuns, during } from '#test/support/ledger/prove-sequences.ts'
import { startTeg } from '#test/support/teg.ts'

const RUNS = countRuns(10)
const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })

test('the gate answers as the ledger in memory does, and its tables hold every invariant', during(RUNS), () =>
  checkModel(t, RUNS),
)
