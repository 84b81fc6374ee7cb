import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { installedMajors, type PrivatePostgres, startPostgres } from '#test/bench/start-postgres.ts'
import { childrenOf } from '#test/bench/usage.ts'
import { hasRedis, type OwnRedis, startRedis } from '#test/support/crew/own-redis.ts'
import {
  type FleetWorker,
  type Ledger,
  leaderOf,
  proofDatabase,
  readLedger,
  startFleet,
  startWorker,
  stopFleet,
} from '#test/support/crew/schedule-fleet.ts'
import type { WorkerSpec } from '#test/support/crew/schedule-worker.ts'

const present = installedMajors().length > 0 && hasRedis()
if (!present && process.env.REQUIRE_SERVICES === '1')
  throw new Error('PostgreSQL and Redis must be installed')

const TTL_MS = 1500
const TASKS = ['one', 'two', 'three', 'four', 'five', 'six']
/** Every due time counts, however long nobody led. */
const everySecond = {
  everySeconds: 1,
  catchUp: { max: 10_000, windowSeconds: 3600 },
  deed: { kind: 'effect' },
} as const

describe.skipIf(!present)('two hosts of four workers each', () => {
  let postgres: PrivatePostgres
  let redis: OwnRedis
  let serial = 0
  beforeAll(async () => {
    postgres = await startPostgres({ settings: { fsync: 'off' } })
    redis = await startRedis('8mb')
  })
  afterAll(async () => {
    await redis?.stop()
    await postgres?.stop()
  })

  interface World {
    readonly db: Database
    readonly fleet: FleetWorker[]
    readonly spec: Omit<WorkerSpec, 'holder'>
  }
  /** Runs a fleet through troubles, lets it come to rest, and reads what it has left behind. */
  async function through(seconds: number, troubles: (world: World) => Promise<void>): Promise<Ledger> {
    const { url, db } = await proofDatabase(postgres, `fleet_${++serial}`)
    const spec = {
      database: url,
      redis: redis.url,
      ttlMs: TTL_MS,
      tasks: Object.fromEntries(TASKS.map((task) => [task, everySecond])),
    }
    const fleet = await startFleet(spec, 2, 4)
    try {
      const started = performance.now()
      await troubles({ db, fleet, spec })
      await wait(Math.max(0, seconds * 1000 - (performance.now() - started)))
      await expect.poll(() => unfinished(db), { timeout: 30_000, interval: 250 }).toBe(0)
    } finally {
      await stopFleet(fleet)
    }
    const ledger = await readLedger(db)
    await db.close()
    process.stdout.write(`${JSON.stringify(ledger)}\n`)
    return ledger
  }
  const unfinished = async (db: Database) => (await readLedger(db)).unfinished
  const one = async (world: World, task = 'one') => {
    await expect.poll(() => leaderOf(world.db, task).catch(() => null), { timeout: 20_000 }).not.toBeNull()
    const led = await leaderOf(world.db, task)
    return world.fleet.find(({ holder }) => holder === led?.holder) as FleetWorker
  }

  /** One completed run and one effect for each due time, none left out, no write behind a newer epoch's. */
  function expectExactlyOnce(ledger: Ledger, slotsMin: number): void {
    expect(ledger).toMatchObject({
      runs: ledger.slots,
      completed: ledger.slots,
      effects: ledger.slots,
      gaps: 0,
      unfinished: 0,
      stale: 0,
    })
    expect(ledger.slots).toBeGreaterThanOrEqual(slotsMin)
  }

  test('run each due time exactly once while holders are killed, frozen and stopped', async () => {
    const ledger = await through(16, async (world) => {
      await wait(2000)
      const first = await one(world)
      first.signal('SIGKILL')
      await wait(4000)
      const second = await one(world, 'two')
      second.signal('SIGSTOP')
      await wait(TTL_MS + 2500)
      second.signal('SIGCONT')
      const third = await one(world, 'three')
      await third.stop()
      world.fleet.push(await startWorker({ ...world.spec, holder: 'host-3/worker-1' }))
    })
    expectExactlyOnce(ledger, TASKS.length * 10)
    expect(ledger.epochs).toBeGreaterThan(TASKS.length)
  })

  test('run each due time exactly once while Redis is flushed, paused, flooded, killed and started again', async () => {
    const ledger = await through(20, async ({ fleet }) => {
      await wait(2000)
      for (let flush = 0; flush < 5; flush++) {
        await redis.command('FLUSHALL')
        await wait(300)
      }
      await redis.command('CLIENT', 'PAUSE', 1200, 'ALL')
      await wait(2500)
      const value = 'x'.repeat(1000)
      await redis.command(
        'EVAL',
        `for i = 1, 20000 do redis.call('SET', 'flood:' .. i, ARGV[1], 'PX', 60000) end`,
        0,
        value,
      )
      expect(
        Number(/evicted_keys:(\d+)/.exec(String(await redis.command('INFO', 'stats')))?.[1]),
      ).toBeGreaterThan(0)
      await wait(1500)
      await redis.kill()
      await wait(TTL_MS * 2)
      await redis.start()
      await wait(2000)
      expect(fleet.every(({ child }) => child.exitCode === null)).toBe(true)
    })
    expectExactlyOnce(ledger, TASKS.length * 12)
  })

  test('run each due time exactly once while PostgreSQL crashes and recovers in mid-run', async () => {
    const ledger = await through(16, async () => {
      for (let crash = 0; crash < 2; crash++) {
        await wait(3000)
        // A killed backend takes the whole server down into recovery; sessions and open transactions are lost.
        const backends = childrenOf(postgres.pid)
        process.kill(backends.at(-1) as number, 'SIGKILL')
      }
      await wait(4000)
    })
    expectExactlyOnce(ledger, TASKS.length * 8)
  })

  test('do so without any Redis, on leases in PostgreSQL alone', async () => {
    const { url, db } = await proofDatabase(postgres, 'without_redis')
    const spec = {
      database: url,
      redis: null,
      ttlMs: TTL_MS,
      tasks: Object.fromEntries(TASKS.map((task) => [task, everySecond])),
    }
    const fleet = await startFleet(spec, 2, 2)
    try {
      await wait(3000)
      ;(await one({ db, fleet, spec })).signal('SIGKILL')
      await wait(TTL_MS + 4000)
      await expect.poll(() => unfinished(db), { timeout: 30_000, interval: 250 }).toBe(0)
    } finally {
      await stopFleet(fleet)
    }
    const ledger = await readLedger(db)
    await db.close()
    expectExactlyOnce(ledger, TASKS.length * 4)
  })
})
