/** The long torture of events: writers, payer and consumers go on while members die at random, alone and together. */
import { expect, test } from 'vitest'
import { installedMajors, startPostgres } from '#test/bench/start-postgres.ts'
import { hasRedis } from '#test/support/crew/own-redis.ts'
import { seededRandom } from '#test/support/random.ts'
import { expectExactlyOnce } from '#test/support/torture/event-proofs.ts'
import { members, startEventWorld, type Victim } from '#test/support/torture/event-world.ts'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 600)
const seed = Number(process.env.SOAK_SEED ?? Math.floor(Math.random() * 2 ** 31))
const victims: readonly Victim[] = [...members, 'redis']

test.skipIf(installedMajors().length === 0 || !hasRedis())(
  `every fact arrives once and in order, whatever dies for ${SECONDS} s (SOAK_SEED=${seed})`,
  async () => {
    const random = seededRandom(seed)
    const postgres = await startPostgres({ settings: { fsync: 'off' } })
    const world = await startEventWorld(postgres.url, seed)
    const killed: Record<string, number> = {}
    try {
      const until = performance.now() + SECONDS * 1000
      while (performance.now() < until) {
        const dying = victims.filter(() => random() < 0.3)
        for (const victim of dying) {
          await world.kill(victim)
          killed[victim] = (killed[victim] ?? 0) + 1
          await world.progress(Math.floor(random() * 100))
        }
        await world.progress(50 + Math.floor(random() * 500))
        for (const victim of dying) await world.revive(victim)
        await world.progress(50 + Math.floor(random() * 500))
      }
      await world.settle()
      const counts = await expectExactlyOnce(world)
      expect(counts.undone).toBeGreaterThan(0)
      process.stdout.write(`${JSON.stringify({ seed, killed, ...counts })}\n`)
    } finally {
      await world.stop()
      await postgres.stop()
    }
  },
)
