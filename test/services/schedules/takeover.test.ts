import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { installedMajors, type PrivatePostgres, startPostgres } from '#test/bench/start-postgres.ts'
import { hasRedis, type OwnRedis, startRedis } from '#test/support/crew/own-redis.ts'
import {
  type FleetWorker,
  leaderOf,
  proofDatabase,
  startWorker,
  stopFleet,
} from '#test/support/crew/schedule-fleet.ts'

const present = installedMajors().length > 0 && hasRedis()
if (!present && process.env.REQUIRE_SERVICES === '1')
  throw new Error('PostgreSQL and Redis must be installed')

const TTL_MS = 1500
const KILLS = 3

describe.skipIf(!present)('a takeover', () => {
  let postgres: PrivatePostgres
  let redis: OwnRedis
  beforeAll(async () => {
    postgres = await startPostgres({ settings: { fsync: 'off' } })
    redis = await startRedis()
  })
  afterAll(async () => {
    await redis?.stop()
    await postgres?.stop()
  })

  const world = async (name: string, redisUrl: string | null) => {
    const { url, db } = await proofDatabase(postgres, name)
    const tasks = { job: { everySeconds: 3600, deed: { kind: 'idle' } } } as const
    let serial = 0
    const join = () =>
      startWorker({ database: url, redis: redisUrl, holder: `worker-${++serial}`, ttlMs: TTL_MS, tasks })
    return { db, join }
  }
  const led = async (db: Database) => {
    await expect.poll(() => leaderOf(db, 'job'), { timeout: 30_000 }).not.toBeNull()
    return (await leaderOf(db, 'job'))?.epoch as bigint
  }
  /** Milliseconds from the act to the next holder, polled every 10 ms. */
  const measure = async (db: Database, fleet: FleetWorker[], act: (leader: FleetWorker) => void) => {
    const before = await leaderOf(db, 'job')
    const leader = fleet.find(({ holder }) => holder === before?.holder) as FleetWorker
    const started = performance.now()
    act(leader)
    const deadline = started + 30_000
    for (;;) {
      const now = await leaderOf(db, 'job')
      if (now && now.epoch > (before?.epoch ?? 0n)) break
      if (performance.now() > deadline) throw new Error('nobody took over')
      await wait(10)
    }
    return { ms: Math.round(performance.now() - started), leader }
  }

  test.each([
    ['leases in Redis', true],
    ['leases in PostgreSQL alone', false],
  ])('comes by itself after a kill and at once after a stop, with %s', async (_words, withRedis) => {
    const { db, join } = await world(withRedis ? 'with_redis' : 'alone', withRedis ? redis.url : null)
    const fleet = [await join(), await join()]
    try {
      const first = await led(db)
      const kills: number[] = []
      const stops: number[] = []
      for (let i = 0; i < KILLS; i++) {
        // Anywhere between two renewals.
        await wait((i * TTL_MS) / 3 / KILLS)
        const { ms, leader } = await measure(db, fleet, (holder) => holder.signal('SIGKILL'))
        kills.push(ms)
        fleet.splice(fleet.indexOf(leader), 1, await join())
      }
      for (let i = 0; i < KILLS; i++) {
        const { ms, leader } = await measure(db, fleet, (holder) => holder.send('stop'))
        stops.push(ms)
        fleet.splice(fleet.indexOf(leader), 1, await join())
      }
      const bound = TTL_MS + 2000
      process.stdout.write(
        `${JSON.stringify({ withRedis, ttl_ms: TTL_MS, bound_ms: bound, kills, stops })}\n`,
      )
      expect((await leaderOf(db, 'job'))?.epoch).toBeGreaterThanOrEqual(first + BigInt(KILLS * 2))
      // Order, not time: a stop hands over, a kill must wait for the lease to lapse.
      const middle = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number
      expect(middle(stops)).toBeLessThan(middle(kills))
    } finally {
      await stopFleet(fleet)
      await db.close()
    }
  })
})
