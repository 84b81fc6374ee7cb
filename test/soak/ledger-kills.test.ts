/** The long series of kills: SOAK_KILLS (60) in a random order, the ledger proven after every tenth. */
import { expect, test } from 'vitest'
import { expectExact } from '#test/support/ledger/kill-proofs.ts'
import { type KillKind, killKinds, startKillWorld } from '#test/support/ledger/kill-series.ts'
import { seededRandom } from '#test/support/random.ts'

const KILLS = Number(process.env.SOAK_KILLS ?? 60)
const BETWEEN_PROOFS = 10
const seed = Number(process.env.KILL_SEED ?? Math.floor(Math.random() * 2 ** 31))

test(`a ledger survives ${KILLS} kills without losing or doubling an outcome (KILL_SEED=${seed})`, async () => {
  const random = seededRandom(seed)
  const series = Array.from(
    { length: KILLS },
    () => killKinds[Math.floor(random() * killKinds.length)] as KillKind,
  )
  const world = await startKillWorld(seed)
  try {
    for (let at = 0; at < series.length; at += BETWEEN_PROOFS) {
      await world.run(series.slice(at, at + BETWEEN_PROOFS))
      await expectExact(world)
    }
    expect(world.sent.length).toBeGreaterThan(KILLS)
  } finally {
    await world.stop()
  }
})
