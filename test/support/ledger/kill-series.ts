/**
 * SIGKILL of the database, of one of its backends, of the TEG and of a registry worker, one after another under one
 * load; the load never stops and nothing but the killed process is started again.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { type Database, lostConnection } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { startPostgres } from '#test/bench/start-postgres.ts'
import { childrenOf } from '#test/bench/usage.ts'
import { seededRandom } from '#test/support/random.ts'
import { type Answer, makeApi } from '#test/support/request.ts'
import { type ServicePair, seedFunded, startPair } from '#test/support/service-pair.ts'

export const killKinds = ['postgres', 'teg', 'worker', 'backend'] as const
export type KillKind = (typeof killKinds)[number]

const AGENTS = 12
/** So little that about a third of the transfers is refused. */
const FUNDS = '40'
const SENDERS = 24
const BATCH_ITEMS = 8
/** Answers between two kills: the load must have come back after the last one. */
const ANSWERS_BETWEEN = 100
const RECOVERY_MAX_MS = 60_000
/** A request without an answer is repeated at most this often. */
const RETRIES_MAX = 200
/** Keys that are asked for again in one request. */
const RETRY_ITEMS = 100
const RETRIERS = 4

/** One transfer as its client sees it. */
export interface Sent {
  readonly key: string
  readonly from: string
  readonly to: string
  readonly amount: string
  /** The first answer: the transfer's id, or the code of the refusal; null: none came. */
  answer: string | null
}

export interface KillWorld {
  readonly db: Database
  readonly pair: ServicePair
  readonly token: string
  /** Every transfer that was sent, in the order of sending. */
  readonly sent: readonly Sent[]
  /** Answers that no client may get, such as a 500: empty in the end. */
  readonly strays: readonly string[]
  /** Kills in turn under load. */
  run(kinds: readonly KillKind[]): Promise<void>
  /** Asks for every key again, until it has an answer. @returns keys whose second answer differs from the first */
  retryAll(): Promise<string[]>
  stop(): Promise<void>
}

/** Starts a server, a TEG, and a registry of three workers; the agents are funded. */
export async function startKillWorld(seed: number): Promise<KillWorld> {
  const random = seededRandom(seed)
  const server = await startPostgres()
  const url = server.url
  const pair = await startPair({
    registryUrl: url,
    tegUrl: url,
    env: { registry: { HOST_WORKERS: '3' } },
  }).catch(async (error) => {
    await server.stop()
    throw error
  })
  const stopAll = async () => {
    await pair.stop()
    await server.stop()
  }
  const { token, agents } = await enrol(pair, url).catch(async (error) => {
    await stopAll()
    throw error
  })
  const db = openPg({ url, max: 2 })
  const api = makeApi((request) => fetch(request), undefined, pair.url)
  const sent: Sent[] = []
  const strays: string[] = []
  let answers = 0
  // The registry's own database is away too.
  let outage = false

  const draw = (): Sent => {
    const from = Math.floor(random() * AGENTS)
    const to = (from + 1 + Math.floor(random() * (AGENTS - 1))) % AGENTS
    const amount = (0.01 + Math.floor(random() * 3000) / 100).toFixed(2)
    const made = {
      key: randomUUID() as string,
      from: agents[from] as string,
      to: agents[to] as string,
      amount,
      answer: null,
    }
    sent.push(made)
    return made
  }
  const bodyOf = ({ from, to, amount }: Sent) => ({ from_agent: from, to_agent: to, amount })
  const post = async (path: string, body: unknown, key: string): Promise<Answer | null> => {
    const duringOutage = outage
    const reply = await api.post(path, body, { token, key }).catch(() => null)
    if (!reply || reply.status === 200 || reply.status === 201 || reply.status === 422) return reply
    const expected =
      passing.has(reply.body?.code) || ((duringOutage || outage) && outageCodes.has(reply.body?.code))
    if (!expected) strays.push(`${reply.status} ${reply.text}`)
    return null
  }
  const single = async (one: Sent): Promise<void> => {
    const reply = await post('/transfers', bodyOf(one), one.key)
    if (!reply) return
    one.answer = reply.status === 201 ? reply.body.id : reply.body.code
    answers++
  }
  /** The answers of a batch, item by item; null: none came. */
  const many = async (items: readonly Sent[]): Promise<string[] | null> => {
    const transfers = items.map((item) => ({ ...bodyOf(item), idempotency_key: item.key }))
    const reply = await post('/transfers/batch', { transfers }, randomUUID())
    if (!reply) return null
    return reply.body.items.map(
      (item: { status: string; error: { code: string }; transfer: { id: string } }) =>
        item.status === 'refused' ? item.error.code : item.transfer.id,
    )
  }
  const batch = async (): Promise<void> => {
    const items = Array.from({ length: BATCH_ITEMS }, draw)
    const told = await many(items)
    if (!told) return
    for (const [i, item] of items.entries()) item.answer = told[i] as string
    answers += BATCH_ITEMS
  }
  const sender = async (running: () => boolean) => {
    while (running()) {
      if (random() < 0.1) await batch()
      else {
        const one = draw()
        await single(one)
        if (one.answer === null) await wait(20)
      }
    }
  }
  const untilAnswered = async (wanted: number) => {
    const deadline = performance.now() + RECOVERY_MAX_MS
    while (answers < wanted) {
      if (performance.now() > deadline) throw new Error(`the load did not come back (seed ${seed})`)
      await wait(10)
    }
  }

  return {
    db,
    pair,
    token,
    sent,
    strays,
    async run(kinds) {
      let running = true
      const senders = Array.from({ length: SENDERS }, () => sender(() => running))
      try {
        for (const kind of kinds) {
          await untilAnswered(answers + ANSWERS_BETWEEN)
          await wait(random() * 50)
          outage = kind === 'postgres' || kind === 'backend'
          await strike(kind)
          await untilAnswered(answers + ANSWERS_BETWEEN)
          outage = false
        }
      } finally {
        running = false
        await Promise.all(senders)
      }
    },
    async retryAll() {
      const changed: string[] = []
      let next = 0
      const work = async () => {
        while (next < sent.length) {
          const items = sent.slice(next, next + RETRY_ITEMS)
          next += items.length
          const told = await insist(() => many(items))
          for (const [i, one] of items.entries()) {
            if (one.answer !== null && one.answer !== told[i])
              changed.push(`${one.key}: ${one.answer}, then ${told[i]}`)
            one.answer ??= told[i] as string
          }
        }
      }
      await Promise.all(Array.from({ length: RETRIERS }, work))
      return changed
    },
    async stop() {
      await db.close()
      await stopAll()
    },
  }

  async function strike(kind: KillKind): Promise<void> {
    switch (kind) {
      case 'postgres':
        await server.kill()
        await wait(random() * 300)
        return server.restart()
      case 'backend':
        // The postmaster ends all others too and recovers by itself.
        return killProcess(await backendOf(db))
      case 'teg':
        await pair.kill('teg')
        await wait(random() * 300)
        return pair.restart('teg')
      case 'worker': {
        // Not the oldest: a host of which no worker lasts ends itself, as it should.
        const workers = childrenOf(pair.member('registry').pid).sort((a, b) => a - b)
        if (workers.length < 2) return
        return killProcess(workers[1 + Math.floor(random() * (workers.length - 1))])
      }
    }
  }
}

async function enrol(pair: ServicePair, url: string) {
  const token = await pair.signUp('kill@example.com')
  return { token, agents: await seedFunded(pair, url, token, AGENTS, FUNDS) }
}

/** Answers under which a client asks again with the same key. */
const outageCodes = new Set(['database_unavailable'])
const passing = new Set(['teg_unavailable', 'outcome_unknown', 'overloaded', 'shutting_down', 'timed_out'])

async function insist<T>(send: () => Promise<T | null>): Promise<T> {
  for (let attempt = 0; attempt < RETRIES_MAX; attempt++) {
    const answer = await send()
    if (answer !== null) return answer
    await wait(100)
  }
  throw new Error('a request got no answer after the last kill')
}

/** A backend that works for the TEG. */
async function backendOf(db: Database): Promise<number | undefined> {
  try {
    const rows = await db.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name = 'ninefold-teg' order by state, pid limit 1",
    )
    return rows[0]?.pid
  } catch (error) {
    if (lostConnection(error)) return undefined
    throw error
  }
}

function killProcess(pid: number | undefined): void {
  if (pid === undefined) throw new Error('there is nothing to kill')
  process.kill(pid, 'SIGKILL')
}
