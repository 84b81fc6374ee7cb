/**
 * The way of an event as it is deployed, made to be killed: two hosts of one registry (relay, forwarder and live stream in
 * each), two EventStores on one log, a Redis; writers, a payer and restless consumers beside. Each host tells another
 * EventStore, so that without Redis, when both lead, two relays, two forwarders and two sequencers work at once.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { card10 } from '#test/core/registry/agents/sample-cards.ts'
import { type OwnRedis, startRedis } from '#test/support/crew/own-redis.ts'
import {
  dataFolder,
  freePort,
  PROCESS_OPERATOR_KEY,
  type Running,
  readMailToken,
  startProcess,
} from '#test/support/process.ts'
import { seededRandom } from '#test/support/random.ts'
import { signUp } from '#test/support/sign-up.ts'
import { armStumbles, disarmStumbles, registryStumbles, storeStumbles } from './fault-triggers.ts'
import { type Payer, payOnAndOn } from './pay-on.ts'
import { type RestlessConsumer, startConsumer } from './restless-consumer.ts'
import { type Facts, writeFacts } from './write-facts.ts'

export const WRITERS = 12
const CONSUMERS = ['socket', 'sse', 'socket'] as const
const STORE_TOKEN = 'event-store-token-of-the-torture-0123456789'
const PATIENCE_MS = 120_000

export const members = ['registry-a', 'registry-b', 'store-a', 'store-b'] as const
export type Member = (typeof members)[number]
export type Victim = Member | 'redis'

export interface EventWorld {
  readonly registry: Database
  readonly store: Database
  readonly facts: Facts
  readonly payer: Payer
  readonly consumers: readonly RestlessConsumer[]
  readonly storeUrl: string
  readonly storeToken: string
  /** Waits until so many more facts are committed: the load goes on meanwhile. */
  progress(facts: number): Promise<void>
  /** Waits until something is so; throws with words when it never is. */
  until(words: string, isSo: () => Promise<boolean> | boolean): Promise<void>
  kill(victim: Victim): Promise<void>
  revive(victim: Victim): Promise<void>
  /** Ends the load, lets everything arrive, ends the consumers. */
  settle(): Promise<void>
  stop(): Promise<void>
}

/** Starts it on databases of its own of a server; the load runs at once. */
export async function startEventWorld(server: string, seed: number): Promise<EventWorld> {
  const label = randomBytes(6).toString('hex')
  const names = [`torture_r_${label}`, `torture_e_${label}`] as const
  const admin = openPg({ url: server, max: 1 })
  for (const name of names) await admin.query(`create database ${name} template template0`)
  const [registryUrl, storeUrl] = names.map(
    (name) => Object.assign(new URL(server), { pathname: `/${name}` }).href,
  ) as [string, string]
  const folder = dataFolder()
  const redis = await startRedis()
  const running = await startMembers({ registryUrl, storeUrl, redis, folder: folder.path })
  const registry = openPg({ url: registryUrl, max: WRITERS + 3 })
  const store = openPg({ url: storeUrl, max: 2 })

  const until: EventWorld['until'] = async (words, isSo) => {
    const end = performance.now() + PATIENCE_MS
    while (!(await isSo())) {
      if (performance.now() > end) throw new Error(`${words} never came\n${running.tail()}`)
      await wait(50)
    }
  }
  const { api } = running.of('registry-a')
  const token = await signUp(api, 'alice@example.com', (email) => readMailToken(folder.path, email))
  const publish = async (name: string): Promise<string> =>
    (await api.post('/agents', { card: card10({ name }) }, { token })).body.id
  const [from, to] = [await publish('Payer'), await publish('Payee')]
  await until(
    'the grant',
    async () => Number((await api.get(`/agents/${from}/balance`, { token })).body.available) > 0,
  )

  await armStumbles(registry, registryStumbles)
  await armStumbles(store, storeStumbles)
  const resources = { coordination: openInProcess(), clock: systemClock, random: systemRandom }
  const facts = writeFacts({ ...resources, db: registry, log: silentLog }, { writers: WRITERS, seed })
  const hosts = ['registry-a', 'registry-b'].map((name) => running.of(name as Member).url)
  const payer = payOnAndOn(hosts, token, { from, to })
  const consumers = CONSUMERS.map((kind, i) =>
    startConsumer({ kind, hosts, token: PROCESS_OPERATOR_KEY, random: seededRandom(seed + 100 + i) }),
  )
  const standing = async () => {
    const rows = await registry.query<{ left: bigint; head: bigint; told: bigint }>(
      `select (select count(*) from registry.outbox) as left, h.index as head, f.index as told
       from registry.journal_head h cross join registry.forwarder f`,
    )
    return rows[0] as { left: bigint; head: bigint; told: bigint }
  }
  return {
    registry,
    store,
    facts,
    payer,
    consumers,
    storeUrl: running.of('store-a').url,
    storeToken: STORE_TOKEN,
    until,
    async progress(more) {
      const wanted = facts.count() + more
      await until(`${more} more facts`, () => facts.count() >= wanted)
    },
    async kill(victim) {
      if (victim === 'redis') await redis.kill()
      else await running.of(victim).stop('SIGKILL')
    },
    async revive(victim) {
      if (victim === 'redis') await redis.start()
      else await running.start(victim)
    },
    async settle() {
      await facts.stop()
      await payer.stop()
      await disarmStumbles(registry)
      await disarmStumbles(store)
      const journaled = async () => {
        const rows = await registry.query<{ type: string; count: bigint }>(
          `select type, count(*) as count from registry.journal where type = 'transfer.completed' group by type`,
        )
        return Number(rows[0]?.count ?? 0) >= payer.paid.size
      }
      await until(
        'the end of the outboxes',
        async () => (await standing()).left === 0n && (await journaled()),
      )
      await until('the last receipt', async () => {
        const { head, told } = await standing()
        return head === told
      })
      const { head } = await standing()
      await until('the last event at every consumer', () =>
        consumers.every(({ indexes }) => indexes.at(-1) === Number(head)),
      )
      for (const consumer of consumers) await consumer.stop()
    },
    async stop() {
      await Promise.all([facts.stop().catch(() => undefined), payer.stop()])
      await Promise.all(consumers.map((consumer) => consumer.stop()))
      await Promise.all(members.map((member) => running.of(member).stop('SIGKILL')))
      await redis.stop()
      await Promise.all([registry.close(), store.close()])
      for (const name of names) await admin.query(`drop database if exists ${name} with (force)`)
      await admin.close()
      folder.remove()
    },
  }
}

interface Members {
  of(member: Member): Running
  start(member: Member): Promise<void>
  /** The last lines of everybody's log. */
  tail(): string
}

async function startMembers(at: {
  registryUrl: string
  storeUrl: string
  redis: OwnRedis
  folder: string
}): Promise<Members> {
  const ports = Object.fromEntries(
    await Promise.all(members.map(async (member) => [member, await freePort()] as const)),
  ) as Record<Member, number>
  const common = { REGISTRY_NAME: 'north', LOG_LEVEL: 'warn', EVENT_STORE_SERVICE_TOKEN: STORE_TOKEN }
  const envOf = (member: Member): Record<string, string> =>
    member.startsWith('store')
      ? {
          ...common,
          HOST_SERVICES: 'event-store',
          EVENT_STORE_PORT: String(ports[member]),
          EVENT_STORE_DATABASE_URL: at.storeUrl,
          EVENT_STORE_ORIGIN: 'log.example/torture',
          DATABASE_POOL: '4',
        }
      : {
          ...common,
          HOST_SERVICES: 'registry,teg',
          PUBLIC_URL: `http://127.0.0.1:${ports['registry-a']}`,
          DATABASE_URL: at.registryUrl,
          TEG_DATABASE_URL: at.registryUrl,
          DATABASE_POOL: '6',
          REDIS_URL: at.redis.url,
          EVENT_STORE_URL: `http://127.0.0.1:${ports[member === 'registry-a' ? 'store-a' : 'store-b']}`,
          EVENTSTORE_MTLS_REQUIRED: 'false',
          RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
          RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
        }
  const running = {} as Record<Member, Running>
  const start = async (member: Member) => {
    running[member] = await startProcess(at.folder, ports[member], envOf(member))
  }
  // The first of each kind makes the tables and the keys; the others find them.
  await Promise.all([start('registry-a'), start('store-a')])
  await Promise.all([start('registry-b'), start('store-b')])
  return {
    of: (member) => running[member],
    start,
    tail: () => members.map((member) => `${member}: ${running[member].output().slice(-2000)}`).join('\n'),
  }
}
