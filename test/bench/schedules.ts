/** What the scheduler costs while nothing is due, and how long a takeover takes: 15 tasks, two hosts of four workers. */
import { setTimeout as wait } from 'node:timers/promises'
import { openPg } from '#core/platform/database/pg.ts'
import { startRedis } from '#test/support/crew/own-redis.ts'
import {
  type FleetWorker,
  leaderOf,
  proofDatabase,
  startFleet,
  startWorker,
  stopFleet,
} from '#test/support/crew/schedule-fleet.ts'
import { type Bound, judgeReport, median, printReport, round, say } from './report.ts'
import { startPostgres } from './start-postgres.ts'
import { cpuSeconds } from './usage.ts'

const TASKS = 15
const IDLE_SECONDS = 30
const KILLS = 10
/** The lease of the takeovers; that of the idle tasks is the default. */
const SHORT_TTL_MS = 1500
const TTL_MS = 15_000

const idle = { everySeconds: 86_400, deed: { kind: 'idle' } } as const
const named = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`task-${i}`, idle]))

export const scheduleBounds = {
  idle_cpu_percent: { required: 1, goal: 0.5, better: 'less' },
  idle_redis_operations_per_second: { required: 20, goal: 10, better: 'less' },
  idle_postgres_operations_per_second: { required: 20, goal: 10, better: 'less' },
  takeover_max_to_bound: { required: 1, goal: 0.7, better: 'less' },
} as const satisfies Record<string, Bound>

export interface ScheduleFigures {
  readonly idle_cpu_percent: number
  readonly idle_redis_operations_per_second: number
  readonly idle_postgres_operations_per_second: number
  readonly takeover_median_ms: number
  readonly takeover_max_ms: number
  readonly takeover_max_to_bound: number
  readonly handover_median_ms: number
}

/** Measures; starts servers of its own and ends them. */
export async function measureSchedules(): Promise<ScheduleFigures> {
  const postgres = await startPostgres({ settings: { fsync: 'off', track_activities: 'off' } })
  const redis = await startRedis()
  try {
    const quiet = await measureIdle(postgres, redis)
    const { kills, stops } = await measureTakeovers(postgres, redis)
    say(`takeover after kill -9, ms (ttl ${SHORT_TTL_MS}): ${histogram(kills, SHORT_TTL_MS + 2000)}`)
    say(`handover after a stop, ms: ${stops.join(' ')}`)
    return {
      ...quiet,
      takeover_median_ms: median(kills),
      takeover_max_ms: Math.max(...kills),
      takeover_max_to_bound: round(Math.max(...kills) / (SHORT_TTL_MS + 2000)),
      handover_median_ms: median(stops),
    }
  } finally {
    await redis.stop()
    await postgres.stop()
  }
}

type Postgres = Awaited<ReturnType<typeof startPostgres>>
type Redis = Awaited<ReturnType<typeof startRedis>>

/** With the tasks and without any: the processes themselves cost something too. */
async function measureIdle(postgres: Postgres, redis: Redis) {
  const without = await measureFleet(postgres, redis, 0)
  const { cpu, ...figures } = await measureFleet(postgres, redis, TASKS)
  say(`CPU of 8 processes, % of a core: ${cpu} with ${TASKS} idle tasks, ${without.cpu} without`)
  return { idle_cpu_percent: round(Math.max(0, cpu - without.cpu)), ...figures }
}

async function measureFleet(postgres: Postgres, redis: Redis, tasks: number) {
  const name = `idle_${tasks}`
  const { url, db } = await proofDatabase(postgres, name)
  await db.close()
  const admin = openPg({ url: postgres.url, max: 1 })
  const fleet = await startFleet(
    { database: url, redis: redis.url, ttlMs: TTL_MS, tasks: named(tasks) },
    2,
    4,
  )
  try {
    await wait(TTL_MS)
    const cpu = () => fleet.reduce((sum, { child }) => sum + cpuSeconds(child.pid as number), 0)
    const redisCalls = async () => {
      const stats = String(await redis.command('INFO', 'commandstats'))
      // What clients have sent; what a script calls inside Redis is not a round trip.
      return [...stats.matchAll(/cmdstat_(evalsha|eval|mget|publish|ping|subscribe):calls=(\d+)/g)].reduce(
        (sum, match) => sum + Number(match[2]),
        0,
      )
    }
    const transactions = async () => {
      const [row] = await admin.query<{ n: bigint }>(
        `select xact_commit + xact_rollback as n from pg_stat_database where datname = $1`,
        [name],
      )
      return Number(row?.n)
    }
    const before = {
      cpu: cpu(),
      redis: await redisCalls(),
      postgres: await transactions(),
      at: performance.now(),
    }
    await wait(IDLE_SECONDS * 1000)
    const seconds = (performance.now() - before.at) / 1000
    return {
      cpu: round(((cpu() - before.cpu) / seconds) * 100),
      idle_redis_operations_per_second: round(((await redisCalls()) - before.redis) / seconds),
      idle_postgres_operations_per_second: round(((await transactions()) - before.postgres) / seconds),
    }
  } finally {
    await stopFleet(fleet)
    await admin.close()
  }
}

async function measureTakeovers(postgres: Postgres, redis: Redis) {
  const { url, db } = await proofDatabase(postgres, 'takeovers')
  let serial = 0
  const join = () =>
    startWorker({
      database: url,
      redis: redis.url,
      holder: `worker-${++serial}`,
      ttlMs: SHORT_TTL_MS,
      tasks: named(1),
    })
  const fleet: FleetWorker[] = [await join(), await join()]
  const measure = async (act: (leader: FleetWorker) => void) => {
    let before = await leaderOf(db, 'task-0')
    while (!before) {
      await wait(50)
      before = await leaderOf(db, 'task-0')
    }
    const held = before
    const leader = fleet.find(({ holder }) => holder === held.holder) as FleetWorker
    // Anywhere between two renewals.
    await wait(Math.random() * SHORT_TTL_MS)
    const started = performance.now()
    act(leader)
    while (((await leaderOf(db, 'task-0'))?.epoch ?? 0n) <= held.epoch) await wait(5)
    const ms = Math.round(performance.now() - started)
    fleet.splice(fleet.indexOf(leader), 1, await join())
    return ms
  }
  try {
    const kills: number[] = []
    const stops: number[] = []
    for (let i = 0; i < KILLS; i++) kills.push(await measure((leader) => leader.signal('SIGKILL')))
    for (let i = 0; i < KILLS; i++) stops.push(await measure((leader) => leader.send('stop')))
    return { kills, stops }
  } finally {
    await stopFleet(fleet)
    await db.close()
  }
}

/** Counts by half seconds up to the bound, and beyond it. */
function histogram(values: readonly number[], bound: number): string {
  const counts = new Map<string, number>()
  for (const value of values) {
    const from = Math.floor(value / 500) * 500
    const bin = value > bound ? `>${bound}` : `${from}-${from + 500}`
    counts.set(bin, (counts.get(bin) ?? 0) + 1)
  }
  return [...counts]
    .sort()
    .map(([bin, count]) => `${bin}: ${count}`)
    .join(', ')
}

if (import.meta.main) {
  const { takeover_max_to_bound, ...figures } = await measureSchedules()
  printReport(judgeReport('schedules', figures, { takeover_max_to_bound }, scheduleBounds))
}
