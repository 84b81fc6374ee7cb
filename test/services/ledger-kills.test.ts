/** SIGKILL under load of what the ledger stands on: every acknowledged outcome is there, none twice. */
import { expect, test } from 'vitest'
import { installedMajors } from '#test/bench/start-postgres.ts'
import { expectExact, isDone } from '#test/support/ledger/kill-proofs.ts'
import { killKinds, startKillWorld } from '#test/support/ledger/kill-series.ts'

const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31))
const hasServer = installedMajors().length > 0

test('a server is here to be killed', () => {
  if (process.env.REQUIRE_SERVICES === '1') expect(hasServer).toBe(true)
})

test.skipIf(!hasServer)(
  `every acknowledged transfer, refund, token, grant and change of supply is there once after kills of PostgreSQL, a backend, the TEG and a worker (KILL_SEED=${seed})`,
  async () => {
    const world = await startKillWorld(seed)
    try {
      await world.run(killKinds)
      await expectExact(world)
      expect(world.sent.some(({ answer }) => answer === 'insufficient_funds')).toBe(true)
      // Of hundreds of answers of each kind a good number is done; no seed in millions leaves one out.
      for (const kind of ['transfer', 'refund', 'issue', 'redeem'])
        expect(
          world.sent.some((one) => one.kind === kind && isDone(one)),
          kind,
        ).toBe(true)
    } finally {
      await world.stop()
    }
  },
  240_000,
)
