/** The gate under load in this process: an exact TEG on a database of the bench, and callers in closed loops. */
import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { idMaker, systemClock, systemRandom } from '#core/platform/context.ts'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { type Gate, openGate } from '#core/teg/ledger/open-gate.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { COMMANDS_MAX, Command } from '#core/wire/teg.ts'
import { quantile } from './report.ts'
import type { PrivatePostgres } from './start-postgres.ts'
import { watchServer } from './usage.ts'

export const GATE_DATABASE = 'ledger'
const LANES = 2
const GRANT = '9000'

type ParsedCommand = z.output<typeof Command>

export interface GateWorld {
  readonly db: Database
  readonly gate: Gate
  /** Agents with an open account and AVT. */
  readonly agents: readonly string[]
}

export interface GateRun {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly meanMs: number
  /** Microseconds of CPU per transfer. */
  readonly backendUs: number
  readonly nodeUs: number
  /** Of the server's other processes. */
  readonly otherUs: number
  readonly transfers: number
}

/** Payer and payee of a transfer as indexes of agents. */
export type Pick = () => readonly [number, number]

/** Opens a fresh ledger with accounts that hold AVT. */
export async function openWorld(server: PrivatePostgres, accounts: number): Promise<GateWorld> {
  const db = openPg({ url: server.urlOf(GATE_DATABASE), max: LANES })
  await migrate(db, 'teg', migrations)
  const newId = idMaker(systemClock, systemRandom)
  const gate = openGate({ db, clock: systemClock, newId, log: silentLog, lanes: LANES })
  const agents = Array.from({ length: accounts }, () => newId())
  const share = COMMANDS_MAX / 2
  for (let at = 0; at < accounts; at += share) await gate.post(agents.slice(at, at + share).flatMap(opening))
  return { db, gate, agents }
}

const opening = (agent: string): ParsedCommand[] => [
  Command.parse({
    op: 'open_account',
    agent,
    did: `did:web:registry.example.com:api:v1:agents:${agent}`,
    owner: agent,
  }),
  Command.parse({
    op: 'grant',
    developer: randomUUID(),
    agent,
    amount: GRANT,
    budget_per_day: '9007199254',
  }),
]

/** Keys as the SDK makes them. */
export const timedKey = idMaker(systemClock, systemRandom)

/** Runs callers, each with one transfer under way, and tells what they got. */
export async function runGate(
  world: GateWorld,
  server: PrivatePostgres,
  load: { callers: number; seconds: number; pick: Pick; makeKey?: () => string },
): Promise<GateRun> {
  const { makeKey = timedKey } = load
  const times: number[] = []
  const usedSince = watchServer(server.pid, GATE_DATABASE)
  const [begin, node] = [performance.now(), process.cpuUsage()]
  const end = begin + load.seconds * 1000
  const caller = async () => {
    for (let sent = performance.now(); sent < end; ) {
      const [outcome] = await world.gate.post([transferOf(world, load.pick, makeKey)])
      if (!outcome?.ok) throw new Error(`a transfer was refused: ${JSON.stringify(outcome?.error)}`)
      const now = performance.now()
      times.push(now - sent)
      sent = now
    }
  }
  await Promise.all(Array.from({ length: load.callers }, caller))
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(node)
  const { backends, others } = usedSince()
  return {
    perSecond: times.length / seconds,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    meanMs: times.reduce((sum, time) => sum + time, 0) / times.length,
    backendUs: (backends * 1e6) / times.length,
    otherUs: (others * 1e6) / times.length,
    nodeUs: (user + system) / times.length,
    transfers: times.length,
  }
}

/** As it comes from the wire's shape: what HTTP and JSON cost is measured end to end. */
function transferOf(world: GateWorld, pick: Pick, makeKey: () => string): ParsedCommand {
  const [from, to] = pick()
  return {
    op: 'transfer',
    key: makeKey(),
    hash: HASH,
    from_agent: world.agents[from] as string,
    to_agent: world.agents[to] as string,
    amount: AMOUNT,
    memo: null,
    reference: null,
    quote: null,
    limits: null,
  }
}
const HASH = 'ab'.repeat(32)
const AMOUNT = 1_000n

/** Two different accounts of the first `count`, each pair as likely as any other. */
export const uniform = (count: number): Pick => {
  const one = () => Math.floor(Math.random() * count)
  return () => differ(one)
}

/** Everybody pays the first account. */
export const toOne = (count: number): Pick => {
  return () => [1 + Math.floor(Math.random() * (count - 1)), 0]
}

/** Zipf's law with exponent 1: the k-th account is drawn with weight 1/k. */
export function zipf(count: number): Pick {
  const sums = new Float64Array(count)
  for (let k = 0, sum = 0; k < count; k++) {
    sum += 1 / (k + 1)
    sums[k] = sum
  }
  const total = sums[count - 1] as number
  const one = () => {
    const wanted = Math.random() * total
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] as number) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
  return () => differ(one)
}

function differ(one: () => number): readonly [number, number] {
  const from = one()
  for (;;) {
    const to = one()
    if (to !== from) return [from, to]
  }
}
