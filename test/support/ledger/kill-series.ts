/**
 * SIGKILL of the database, of one of its backends, of the TEG and of a registry worker, one after another under one
 * load; the load never stops and nothing but the killed process is started again.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { type Database, lostConnection } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { startPostgres } from '#test/bench/start-postgres.ts'
import { childrenOf } from '#test/bench/usage.ts'
import { seededRandom } from '#test/support/random.ts'
import { makeApi } from '#test/support/request.ts'
import { type ServicePair, seedFunded, startPair } from '#test/support/service-pair.ts'
import { openAsks, type Sent } from './kill-asks.ts'

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

/** The operator issues and destroys AVT meanwhile. */
const minting = { MINTING_AUTHORITY: 'teg-layer' }

export interface KillWorld {
  readonly db: Database
  readonly pair: ServicePair
  readonly token: string
  /** All that was sent, in the order of sending. */
  readonly sent: readonly Sent[]
  /** Grants before the first kill. */
  readonly granted: number
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
    env: { registry: { HOST_WORKERS: '3', ...minting }, teg: minting },
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
  let answers = 0
  // The registry's own database is away too.
  let outage = false
  const { sent, strays, draw, ask, askMany } = openAsks(pair, api, token, agents, random, () => outage)
  const single = async (one: Sent): Promise<void> => {
    one.answer = await ask(one)
    if (one.answer !== null) answers++
  }
  const batch = async (): Promise<void> => {
    const items = Array.from({ length: BATCH_ITEMS }, () => draw('transfer'))
    const told = await askMany(items)
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
    granted: AGENTS,
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
      const note = (one: Sent, told: string) => {
        if (one.answer !== null && one.answer !== told)
          changed.push(`${one.kind} ${one.key}: ${one.answer}, then ${told}`)
        one.answer ??= told
      }
      const transfers = sent.filter(({ kind }) => kind === 'transfer')
      const others = sent.filter(({ kind }) => kind !== 'transfer')
      const work = async () => {
        for (
          let items = transfers.splice(0, RETRY_ITEMS);
          items.length > 0;
          items = transfers.splice(0, RETRY_ITEMS)
        ) {
          const told = await insist(() => askMany(items))
          for (const [i, one] of items.entries()) note(one, told[i] as string)
        }
        for (let one = others.shift(); one; one = others.shift()) {
          const again = one
          note(again, await insist(() => ask(again)))
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
