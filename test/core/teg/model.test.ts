/** The gate against the ledger in memory: random batches on few, tight accounts; far more of them on a server. */
import { test } from 'vitest'
import { checkModel } from '#test/support/ledger/ledger-steps.ts'
import { startTeg } from '#test/support/teg.ts'

const RUNS = Number(process.env.SOAK_RUNS ?? (process.env.TEST_DATABASE_URL ? 300 : 10))
const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })

test(
  'the gate answers as the ledger in memory does, and its tables hold every invariant',
  {
    timeout: 90_000 + RUNS * 5_000,
  },
  () => checkModel(t, RUNS, 60_000 + RUNS * 4_000),
)
