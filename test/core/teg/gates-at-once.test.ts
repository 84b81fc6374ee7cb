/** Gates of several processes at once over few accounts: what was acknowledged is what the ledger holds, exactly. */
import { test } from 'vitest'
import { checkGateRounds } from '#test/support/ledger/gate-rounds.ts'
import { countRuns, during } from '#test/support/ledger/prove-sequences.ts'
import { startTeg } from '#test/support/teg.ts'

const seed = Number(process.env.GATES_SEED ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = countRuns(0)
const t = await startTeg()

test.skipIf(t.db.kind !== 'pg')(
  `gates of two processes move AVT at once, and every answer stands in the ledger (GATES_SEED=${seed})`,
  during(ROUNDS),
  () => checkGateRounds(t, ROUNDS, seed),
)
