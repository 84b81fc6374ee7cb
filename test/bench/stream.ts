/**
 * The live stream and the outbox beside what they are measured by: `node test/bench/stream.ts`. Private PostgreSQL and Redis.
 * 1. Fan-out at 2,000 sockets, end to end until the last client has the last event: ours (read from the journal, matched by
 *    pattern, checked for rights, guarded by buffers) against a loop of ws that sends each text to everybody. Turn by turn;
 *    events that come one by one, and beside it bursts of 25.
 * 2. From before the write of a fact until sockets have it, over a host of four workers: 50 facts/s to 20 sockets.
 * 3. A write of the registry with its outbox row against the same write without, by latency, turn by turn: one bare row, and a
 *    command as the API runs it.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { backgroundCall } from '#core/platform/background-call.ts'
import { systemClock, systemRandom } from '#core/platform/context.ts'
import { openRedis } from '#core/platform/coordination/redis.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { migrations } from '#core/registry/migrations.generated.ts'
import { OUTBOX_CHANNEL } from '#core/registry/stream/start-relay.ts'
import { startRedis } from '#test/support/crew/own-redis.ts'
import { dataFolder, freePort, PROCESS_OPERATOR_KEY, startProcess } from '#test/support/process.ts'
import { judgeReport, median, printReport, quantile, round, say } from './report.ts'
import { type PrivatePostgres, startPostgres } from './start-postgres.ts'
import type { ClientsOrder, ClientsWord } from './stream-clients.ts'
import { measureWrites } from './stream-writes.ts'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7)
const SECONDS = Number(process.env.BENCH_SECONDS ?? 15)
const SOCKETS = Number(process.env.BENCH_SOCKETS ?? 2000)
/** Events of one moment, and events that come one by one, each when the last client has the one before. */
const BURST = 25
const SINGLES = 10
const WARM_UP = 2

const children: ChildProcess[] = []
const start = (file: string, ...words: string[]) => {
  const child = fork(new URL(file, import.meta.url), words, { stdio: 'inherit' })
  children.push(child)
  return child
}
const heard = async <T>(child: ChildProcess): Promise<T> => (await once(child, 'message'))[0] as T

const clientsOf = () => {
  const child = start('./stream-clients.ts')
  const ask = async <T = ClientsWord>(order: ClientsOrder): Promise<T> => {
    const answer = heard<T>(child)
    child.send(order)
    return answer
  }
  return { ask, heard: () => heard<ClientsWord>(child), end: () => child.disconnect() }
}

const postgres = await startPostgres({ settings: { shared_buffers: '256MB' } })
try {
  const fan = await measureFanOut(postgres)
  const outbox = await measureWrites(await freshDatabase(postgres, 'outbox'), ROUNDS)
  const latency = await measureLatency(postgres)
  const figures = { ...fan.figures, ...outbox.figures, ...latency }
  for (const [name, value] of Object.entries({ ...figures, ...fan.ratios, ...outbox.ratios }))
    say(`${name}: ${value}`)
  printReport(
    judgeReport(
      'stream',
      figures,
      { ...fan.ratios, ...outbox.ratios },
      {
        fan_out_to_bare: { required: 0.9, goal: 1, better: 'more' },
        publish_to_socket_p99_ms: { required: 50, goal: 25, better: 'less' },
        command_with_outbox_to_without: { required: 1.15, goal: 1.1, better: 'less' },
        write_with_outbox_to_without: { required: 1.15, goal: 1.1, better: 'less' },
      },
    ),
  )
} finally {
  for (const child of children) if (child.connected) child.disconnect()
  await postgres.stop()
}

async function freshDatabase(server: PrivatePostgres, name: string): Promise<string> {
  const admin = openPg({ url: server.url, max: 1 })
  await admin.query(`create database ${name} template template0`)
  await admin.close()
  const url = server.urlOf(name)
  const db = openPg({ url, max: 1 })
  await migrate(db, 'registry', migrations)
  await db.close()
  return url
}

async function measureFanOut(server: PrivatePostgres) {
  const url = await freshDatabase(server, 'fan')
  const accounts = Array.from({ length: Math.ceil(SOCKETS / 20) }, () => crypto.randomUUID() as string)
  const lane = async (kind: 'ours' | 'bare', say: string | null) => {
    const process = start('./stream-server.ts', kind, url)
    const port = await heard<number>(process)
    const clients = clientsOf()
    await clients.ask({
      do: 'open',
      count: SOCKETS,
      ports: [port],
      path: '/ws/events',
      tokens: accounts,
      say,
    })
    // Subscriptions take effect, and what opening has cost is over.
    await wait(1500)
    const publish = async (events: number): Promise<number> => {
      await clients.ask({ do: 'expect', events })
      const got = clients.heard()
      process.send(events)
      const answer = await got
      if (answer.word !== 'got') throw new Error('the clients said something else')
      return answer.milliseconds
    }
    return async (times: number, events: number) => {
      let milliseconds = 0
      for (let n = 0; n < times; n++) milliseconds += await publish(events)
      return (SOCKETS * times * events) / (milliseconds / 1000)
    }
  }
  const lanes = {
    ours: await lane('ours', JSON.stringify({ type: 'subscribe', types: ['transfer.*', 'agent.>'] })),
    bare: await lane('bare', null),
  }
  const rates = { ours: [] as number[], bare: [] as number[] }
  const bursts = { ours: [] as number[], bare: [] as number[] }
  for (let n = -WARM_UP; n < ROUNDS; n++) {
    for (const name of n % 2 === 0 ? (['ours', 'bare'] as const) : (['bare', 'ours'] as const)) {
      const single = await lanes[name](SINGLES, 1)
      const burst = await lanes[name](1, BURST)
      if (n < 0) continue
      rates[name].push(single)
      bursts[name].push(burst)
    }
    if (n >= 0)
      say(`fan-out: ${Math.round(rates.ours.at(-1) ?? 0)}/s, bare ${Math.round(rates.bare.at(-1) ?? 0)}/s`)
  }
  for (const child of children.splice(0)) child.disconnect()
  const ratio = (of: { ours: number[]; bare: number[] }) =>
    round(median(of.ours.map((rate, i) => rate / (of.bare[i] as number))))
  return {
    figures: {
      sockets: SOCKETS,
      deliveries_per_second: round(median(rates.ours)),
      bare_deliveries_per_second: round(median(rates.bare)),
      burst_deliveries_per_second: round(median(bursts.ours)),
      bare_burst_deliveries_per_second: round(median(bursts.bare)),
    },
    ratios: { fan_out_to_bare: ratio(rates), burst_fan_out_to_bare: ratio(bursts) },
  }
}

async function measureLatency(server: PrivatePostgres): Promise<Record<string, number>> {
  const url = await freshDatabase(server, 'latency')
  const redis = await startRedis()
  const folder = dataFolder()
  const port = await freePort()
  const host = await startProcess(folder.path, port, {
    HOST_WORKERS: '4',
    DATABASE_URL: url,
    TEG_DATABASE_URL: url,
    DATABASE_POOL: '5',
    REDIS_URL: redis.url,
    EVENT_STORE_ENABLED: 'false',
    RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
    RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
  })
  const db = openPg({ url, max: 2 })
  const coordination = await openRedis({ url: redis.url, log: silentLog, workers: 1 })
  const resources = { db, coordination, clock: systemClock, random: systemRandom, log: silentLog }
  const ctx = backgroundCall(resources, 'bench', new AbortController().signal)
  const sockets = 20
  const perSecond = 50
  try {
    const clients = clientsOf()
    await clients.ask({
      do: 'open',
      count: sockets,
      ports: [port],
      path: '/ws/events',
      tokens: [PROCESS_OPERATOR_KEY],
      say: JSON.stringify({ type: 'subscribe', types: ['bench.*'] }),
    })
    await wait(3000)
    await clients.ask({ do: 'expect', events: Number.MAX_SAFE_INTEGER })
    const began = performance.now()
    const writes: Promise<unknown>[] = []
    for (let n = 0; n < perSecond * SECONDS; n++) {
      await wait(Math.max(0, began + (n * 1000) / perSecond - performance.now()))
      const stamp = performance.timeOrigin + performance.now()
      const data = { stamp, memo: 'x'.repeat(200) }
      const fact = { type: 'bench.fact', subject: 'x/1', data, audience: null }
      const write = db.transaction((tx) => emitEvent(tx, ctx, fact))
      // What ctx.wake('relay') does in a worker that does not lead.
      writes.push(write.then(() => coordination.publish(OUTBOX_CHANNEL, '')))
    }
    const seconds = (performance.now() - began) / 1000
    await Promise.all(writes)
    await wait(2000)
    const answer = await clients.ask({ do: 'ages' })
    const ages = answer.word === 'ages' ? answer.values : []
    if (ages.length !== writes.length * sockets)
      throw new Error(`${ages.length} of ${writes.length * sockets} deliveries came`)
    clients.end()
    return {
      workers: 4,
      live_deliveries_per_second: round(ages.length / seconds),
      publish_to_socket_p50_ms: round(quantile(ages, 0.5)),
      publish_to_socket_p99_ms: round(quantile(ages, 0.99)),
    }
  } finally {
    await host.stop('SIGTERM')
    await coordination.close()
    await db.close()
    await redis.stop()
    folder.remove()
  }
}
