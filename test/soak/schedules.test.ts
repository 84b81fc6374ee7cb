/** Thousands of due times on two hosts of four workers each, under troubles at random; the seed is printed. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { installedMajors, startPostgres } from '#test/bench/start-postgres.ts'
import { childrenOf } from '#test/bench/usage.ts'
import { hasRedis, startRedis } from '#test/support/crew/own-redis.ts'
import {
  proofDatabase,
  readLedger,
  startFleet,
  startWorker,
  stopFleet,
} from '#test/support/crew/schedule-fleet.ts'

const SECONDS = Number(process.env.SOAK_SECONDS ?? 300)
const TASKS = 15
const TTL_MS = 1500
const SEED = Number(process.env.SOAK_SEED ?? Date.now() % 1_000_000)

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test.skipIf(installedMajors().length === 0 || !hasRedis())(
  'each due time has one completed run and one effect, whatever dies, freezes, forgets or restarts',
  async () => {
    process.stdout.write(`seed ${SEED}\n`)
    const random = randomFrom(SEED)
    const postgres = await startPostgres({ settings: { fsync: 'off' } })
    const redis = await startRedis('8mb')
    const { url, db } = await proofDatabase(postgres, 'soak')
    const task = {
      everySeconds: 1,
      catchUp: { max: 10_000, windowSeconds: 3600 },
      deed: { kind: 'effect' },
    } as const
    const tasks = Object.fromEntries(Array.from({ length: TASKS }, (_, i) => [`task-${i}`, task]))
    const spec = { database: url, redis: redis.url, ttlMs: TTL_MS, tasks }
    const fleet = await startFleet(spec, 2, 4)
    const counts: Record<string, number> = {}
    let serial = 0
    const any = () => Math.floor(random() * fleet.length)
    const replace = async (at: number) => {
      fleet[at] = await startWorker({ ...spec, holder: `heir-${++serial}` })
    }
    const troubles: Record<string, () => Promise<unknown>> = {
      async kill() {
        const at = any()
        fleet[at]?.signal('SIGKILL')
        await replace(at)
      },
      async freeze() {
        const worker = fleet[any()]
        worker?.signal('SIGSTOP')
        await wait(TTL_MS * (0.5 + random() * 2))
        worker?.signal('SIGCONT')
      },
      async stop() {
        const at = any()
        await fleet[at]?.stop()
        await replace(at)
      },
      flush: () => redis.command('FLUSHALL'),
      pause: () => redis.command('CLIENT', 'PAUSE', 1200, 'ALL'),
      flood: () =>
        redis.command(
          'EVAL',
          `for i = 1, 20000 do redis.call('SET', 'flood:' .. i, ARGV[1], 'PX', 60000) end`,
          0,
          'x'.repeat(1000),
        ),
      async restart() {
        await redis.kill()
        await wait(random() * TTL_MS * 3)
        await redis.start()
      },
      async crash() {
        process.kill(childrenOf(postgres.pid).at(-1) as number, 'SIGKILL')
        await wait(4000)
      },
    }
    try {
      const until = performance.now() + SECONDS * 1000
      while (performance.now() < until) {
        await wait(500 + random() * 3000)
        const names = Object.keys(troubles)
        const name = names[Math.floor(random() * names.length)] as string
        counts[name] = (counts[name] ?? 0) + 1
        await troubles[name]?.()
      }
      await wait(TTL_MS * 4)
      await expect
        .poll(async () => (await readLedger(db)).unfinished, { timeout: 60_000, interval: 500 })
        .toBe(0)
    } finally {
      await stopFleet(fleet)
      process.stdout.write(`${JSON.stringify(counts)}\n`)
      process.stdout.write(`${JSON.stringify(await readLedger(db).catch(() => null))}\n`)
    }
    const ledger = await readLedger(db)
    expect(ledger).toMatchObject({
      // The history forgets beyond a thousand runs of a task; effects are kept.
      completed: ledger.runs,
      gaps: 0,
      unfinished: 0,
      stale: 0,
    })
    expect(ledger.effects).toBeGreaterThanOrEqual(ledger.completed)
    await db.close()
    await redis.stop()
    await postgres.stop()
  },
)
