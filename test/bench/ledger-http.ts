/** POST /transfers and /transfers/batch end to end: HTTP, credential, registry and TEG as processes, gate, outbox, journal. */

import { setTimeout as wait } from 'node:timers/promises'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { type ServicePair, seedFunded, startPair } from '#test/support/service-pair.ts'
import { timedKey } from './ledger-gate.ts'
import { readBacklog } from './ledger-queries.ts'
import { sendRaw } from './raw-load.ts'
import { quantile } from './report.ts'
import type { PrivatePostgres } from './start-postgres.ts'
import { cpuSeconds, watchServer } from './usage.ts'

export const HTTP_DATABASE = 'endtoend'
const CONNECTIONS = 256
const BATCH_CONNECTIONS = 16
const BATCH_ITEMS = 200
const WARM_ITEMS = 1000
/** The journal must have caught up by then. */
const SETTLE_MAX_MS = 120_000

export interface HttpWorld {
  readonly pair: ServicePair
  readonly db: Database
  readonly agents: readonly string[]
  readonly token: string
}

export interface HttpRun {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Microseconds of CPU per transfer by process, the journal's share included. */
  readonly registryUs: number
  readonly tegUs: number
  readonly postgresUs: number
  /** Of PostgreSQL's other processes. */
  readonly otherUs: number
  readonly senderUs: number
  /** Seconds from the last answer until the journal held every event. */
  readonly journalLag: number
  readonly transfers: number
}

export async function openHttpWorld(
  server: PrivatePostgres,
  agents: number,
  env: Record<string, string> = {},
): Promise<HttpWorld> {
  const url = server.urlOf(HTTP_DATABASE)
  const pair = await startPair({ registryUrl: url, tegUrl: url, env: { registry: env, teg: env } })
  const session = await pair.signUp('bench@example.com')
  const seeded = await seedFunded(pair, url, session, agents, '9000')
  // Programs hold keys; a session's token is a person's.
  const body = { name: 'bench', scopes: ['transfers:write'] }
  const made = await pair.member('registry').api.post('/auth/api-keys', body, { token: session })
  if (made.status !== 201) throw new Error(`the key was refused: ${made.text}`)
  const token: string = made.body.key ?? made.body.token ?? made.body.secret
  const world = { pair, db: openPg({ url, max: 1 }), agents: seeded, token }
  await meetEveryAgent(world)
  return world
}

/** What runs for long has met its agents: a registry remembers them, and the first meeting is not the matter. */
async function meetEveryAgent({ pair, agents, token }: HttpWorld): Promise<void> {
  for (let at = 0; at < agents.length; at += WARM_ITEMS) {
    const transfers = agents.slice(at, at + WARM_ITEMS).map((agent, i) => ({
      from_agent: agent,
      to_agent: agents[(at + i + 1) % agents.length],
      amount: '0.001',
    }))
    const { api } = pair.member('registry')
    const reply = await api.post('/transfers/batch', { transfers }, { token, key: timedKey() })
    if (reply.status !== 200) throw new Error(`POST /transfers/batch: ${reply.status} ${reply.text}`)
  }
}

export async function closeHttpWorld(world: HttpWorld): Promise<void> {
  await world.db.close()
  await world.pair.stop()
}

/** One transfer a request, over 256 connections. */
export function runSingles(world: HttpWorld, server: PrivatePostgres, seconds: number): Promise<HttpRun> {
  return measure(world, server, 1, () =>
    sendRaw({
      url: world.pair.url,
      connections: CONNECTIONS,
      seconds,
      shot: () => ({
        head: headOf(world, '/api/v1/transfers'),
        body: JSON.stringify(transferOf(world)),
      }),
      check(status, body) {
        if (status !== 201) throw new Error(`POST /transfers: ${status} ${body}`)
      },
    }),
  )
}

/** Two hundred transfers a request. */
export function runBatches(world: HttpWorld, server: PrivatePostgres, seconds: number): Promise<HttpRun> {
  return measure(world, server, BATCH_ITEMS, () =>
    sendRaw({
      url: world.pair.url,
      connections: BATCH_CONNECTIONS,
      seconds,
      shot: () => ({
        head: headOf(world, '/api/v1/transfers/batch'),
        body: JSON.stringify({ transfers: Array.from({ length: BATCH_ITEMS }, () => transferOf(world)) }),
      }),
      check(status, body) {
        if (status !== 200 || body.includes('"refused"'))
          throw new Error(`POST /transfers/batch: ${status} ${body.subarray(0, 500)}`)
      },
    }),
  )
}

const headOf = (world: HttpWorld, path: string) =>
  `POST ${path} HTTP/1.1\r\nauthorization: Bearer ${world.token}\r\ncontent-type: application/json\r\n` +
  `idempotency-key: ${timedKey()}`

function transferOf(world: HttpWorld) {
  const { agents } = world
  const from = Math.floor(Math.random() * agents.length)
  const to = (from + 1 + Math.floor(Math.random() * (agents.length - 1))) % agents.length
  return { from_agent: agents[from], to_agent: agents[to], amount: '0.001' }
}

async function measure(
  world: HttpWorld,
  server: PrivatePostgres,
  items: number,
  load: () => ReturnType<typeof sendRaw>,
): Promise<HttpRun> {
  const [registry, teg] = [world.pair.member('registry').pid, world.pair.member('teg').pid]
  const before = [cpuSeconds(registry), cpuSeconds(teg)] as const
  const usedSince = watchServer(server.pid, HTTP_DATABASE)
  const own = process.cpuUsage()
  const outcome = await load()
  const { user, system } = process.cpuUsage(own)
  const journalLag = await settleJournal(world)
  const { backends, others } = usedSince()
  const transfers = outcome.latenciesMs.length * items
  const each = (seconds: number) => (seconds * 1e6) / transfers
  return {
    perSecond: transfers / outcome.seconds,
    p50Ms: quantile(outcome.latenciesMs, 0.5),
    p99Ms: quantile(outcome.latenciesMs, 0.99),
    registryUs: each(cpuSeconds(registry) - before[0]),
    tegUs: each(cpuSeconds(teg) - before[1]),
    postgresUs: each(backends),
    otherUs: each(others),
    senderUs: (user + system) / transfers,
    journalLag,
    transfers,
  }
}

/** Waits until every event of the TEG is in the journal. @returns seconds */
async function settleJournal(world: HttpWorld): Promise<number> {
  const begin = performance.now()
  while ((await readBacklog(world.db)) > 0) {
    if (performance.now() - begin > SETTLE_MAX_MS) throw new Error('the journal did not catch up')
    await wait(20)
  }
  return (performance.now() - begin) / 1000
}
