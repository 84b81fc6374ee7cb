/**
 * Thousands of sequences of each protocol over lanes that are under way at once (SOAK_RUNS asks for another number), on the
 * server of TEST_DATABASE_URL or on one of its own: the embedded engine has one connection, and nothing is at once there.
 */
import { afterAll, test } from 'vitest'
import { startPostgres } from '#test/bench/start-postgres.ts'
import { makeTemplate } from '#test/support/global-setup.ts'
import { checkGateRounds } from '#test/support/ledger/gate-rounds.ts'
import { during } from '#test/support/ledger/prove-sequences.ts'
import { checkRings } from '#test/support/ledger/ring-steps.ts'
import { checkTokenLanes } from '#test/support/ledger/token-steps.ts'
import { checkTwins } from '#test/support/ledger/twin-steps.ts'
import { openTwins } from '#test/support/ledger/twins.ts'
import { watchGates } from '#test/support/ledger/watched-gates.ts'
import { startTeg, type TestTeg } from '#test/support/teg.ts'

const RUNS = Number(process.env.SOAK_RUNS ?? 3000)
/** Sequences of one database: the search for faults reads all of history. */
const OF_ONE = 250
const seed = Number(process.env.GATES_SEED ?? Math.floor(Math.random() * 2 ** 31))

if (!process.env.TEST_DATABASE_URL) {
  const server = await startPostgres()
  afterAll(() => server.stop())
  process.env.TEST_DATABASE_URL = server.url
  await makeTemplate(server.url)
}

const protocols: [string, (t: TestTeg, runs: number, from: number) => Promise<void>][] = [
  ['transfers in rings', (t, runs) => checkRings(t, watchGates(t), runs)],
  ['payments, tokens and burns', (t, runs) => checkTokenLanes(t, watchGates(t, true), runs)],
  ['the short way beside the long one', (t, runs) => checkTwins(t, openTwins(t), runs)],
  [`gates of two processes (GATES_SEED=${seed})`, (t, runs, from) => checkGateRounds(t, runs, seed + from)],
]

test.each(protocols)('%s: thousands of sequences lose nothing', during(2 * RUNS), async (_name, check) => {
  for (let from = 0; from < RUNS; from += OF_ONE) {
    const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
    await check(t, Math.min(RUNS - from, OF_ONE), from)
  }
})
