/**
 * The ledger beside PostgreSQL's own benchmark on one private server, turn by turn: `npm run bench:ledger`.
 * BENCH_ROUNDS (5) and BENCH_SECONDS (5) make it shorter or longer.
 */
import { randomUUID } from 'node:crypto'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { GATE_DATABASE, type GateWorld, openWorld, runGate, toOne, uniform, zipf } from './ledger-gate.ts'
import { goalRows, tableOf } from './ledger-goals.ts'
import {
  closeHttpWorld,
  HTTP_DATABASE,
  type HttpWorld,
  openHttpWorld,
  runBatches,
  runSingles,
} from './ledger-http.ts'
import { NAIVE_DATABASE, runNaive } from './ledger-naive.ts'
import { listSizes, makeNaive, readSettings, readSize, type Size } from './ledger-queries.ts'
import { measureSupply, SUPPLY_DATABASE } from './ledger-supply.ts'
import { initPgbench, PGBENCH_DATABASE, type PgbenchRun, runPgbench } from './pgbench.ts'
import { judgeReport, median, printReport, round, say } from './report.ts'
import { type PrivatePostgres, startPostgres } from './start-postgres.ts'

const seconds = Number(process.env.BENCH_SECONDS ?? 5)
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const ACCOUNTS = 100_000
const HTTP_AGENTS = 10_000
const SUPPLY_ACCOUNTS = 1_000_000
const SCALE = 50
const CLIENTS = 8
const CALLERS = 256
/** So many that each of two lanes has a batch of 512. */
const MANY_CALLERS = 1024

/** The same for both sides; durability is PostgreSQL's default: every commit reaches the disk. */
const settings = {
  shared_buffers: '1GB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
}
const shownSettings = [
  ...Object.keys(settings),
  ...['fsync', 'synchronous_commit', 'full_page_writes', 'wal_sync_method', 'autovacuum', 'jit'],
]

interface Worlds {
  readonly server: PrivatePostgres
  readonly gate: GateWorld
  readonly http: HttpWorld
  readonly naive: Database
}

/** What the turns of a round have measured, by name: every one is a median in the end. */
type Figures = Record<string, number>

async function main(): Promise<void> {
  const server = await startPostgres({ settings })
  const opened: (() => Promise<unknown>)[] = [() => server.stop()]
  const closeAll = async () => {
    for (let close = opened.pop(); close; close = opened.pop()) await close()
  }
  // An interrupted bench leaves no server and no service behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void closeAll().finally(() => process.exit(1)))
  try {
    const admin = openPg({ url: server.url, max: 1 })
    opened.push(() => admin.close())
    for (const name of [PGBENCH_DATABASE, GATE_DATABASE, HTTP_DATABASE, SUPPLY_DATABASE, NAIVE_DATABASE])
      await admin.query(`create database ${name}`)
    const given = await readSettings(admin, shownSettings)
    say(`${server.version}: ${given.map(({ name, value }) => `${name}=${value}`).join(' ')}`)
    say(`node ${process.version}; ${rounds} rounds of ${seconds} s a turn; pgbench scale ${SCALE}`)

    await initPgbench(server, SCALE)
    const gate = await openWorld(server, ACCOUNTS)
    opened.push(() => gate.db.close())
    const naive = openPg({ url: server.urlOf(NAIVE_DATABASE), max: CLIENTS })
    opened.push(() => naive.close())
    await makeNaive(naive, ACCOUNTS)
    const http = await openHttpWorld(server, HTTP_AGENTS)
    opened.push(() => closeHttpWorld(http))
    const worlds = { server, gate, http, naive }

    say('warming up')
    await runRound(worlds, Math.min(2, seconds))
    const measured: Figures[] = []
    for (let turn = 1; turn <= rounds; turn++) {
      measured.push(await runRound(worlds, seconds))
      say(`round ${turn}: ${sayRound(measured.at(-1) as Figures)}`)
    }
    const figures = mediansOf(measured)
    figures.supply_audit_s = round(await measureSupply(server, SUPPLY_ACCOUNTS))
    for (const { name, bytes } of await listSizes(gate.db, 'teg'))
      say(`  ${name}: ${Math.round(Number(bytes) / 2 ** 20)} MB`)
    const ratios = ratiosOf(figures, measured)
    say('')
    for (const line of tableOf({ ...figures, ...ratios })) say(line)
    say(`| naive ledger from Node: BEGIN, SELECT FOR UPDATE, COMMIT | | | ${ratios.naive_to_n} N | |`)
    say('')
    for (const line of cpuTable(figures)) say(line)
    printReport(judgeReport('ledger', figures, ratios, goalRows))
  } finally {
    await closeAll()
  }
}

/** Every turn once. pgbench -N runs at both ends of what is compared with it. */
async function runRound(worlds: Worlds, duration: number): Promise<Figures> {
  const { server, gate, http, naive } = worlds
  const figures: Figures = {}
  const note = (name: string, run: object) => {
    for (const [key, value] of Object.entries(run)) figures[`${name}_${key}`] = value
  }
  const gateTurn = async (name: string, pick: ReturnType<typeof uniform>, callers = CALLERS) =>
    note(name, await runGate(gate, server, { callers, seconds: duration, pick }))
  const withRandomKeys = { callers: CALLERS, seconds: duration, pick: uniform(ACCOUNTS), makeKey: randomUUID }

  const first = await runPgbench(server, 'simple-update', CLIENTS, duration)
  const before = await readSize(gate.db, 'teg')
  await gateTurn('uniform', uniform(ACCOUNTS))
  note('disk', disk(before, await readSize(gate.db, 'teg'), figures.uniform_transfers as number))
  note('random_keys', await runGate(gate, server, withRandomKeys))
  await gateTurn('many', uniform(ACCOUNTS), MANY_CALLERS)
  await gateTurn('zipf', zipf(ACCOUNTS))
  note('b', await runPgbench(server, 'tpcb-like', CLIENTS, duration))
  await gateTurn('thousand', uniform(1000))
  await gateTurn('one_account', toOne(ACCOUNTS))
  const second = await runPgbench(server, 'simple-update', CLIENTS, duration)
  note('http_single', await runSingles(http, server, duration))
  note('http_batch', await runBatches(http, server, duration))
  note('n', meanOf(first, second, await runPgbench(server, 'simple-update', CLIENTS, duration)))
  note('n1', await runPgbench(server, 'simple-update', 1, duration))
  await gateTurn('single', uniform(ACCOUNTS), 1)
  note(
    'naive',
    await runNaive(naive, server, { callers: CLIENTS, seconds: duration, pick: uniform(ACCOUNTS) }),
  )
  return figures
}

const meanOf = (...runs: readonly PgbenchRun[]): PgbenchRun => {
  const mean = (name: keyof PgbenchRun) => runs.reduce((sum, run) => sum + run[name], 0) / runs.length
  return {
    tps: mean('tps'),
    meanMs: mean('meanMs'),
    p50Ms: mean('p50Ms'),
    p99Ms: mean('p99Ms'),
    backendUs: mean('backendUs'),
    otherUs: mean('otherUs'),
  }
}

const disk = (before: Size, after: Size, transfers: number) => ({
  bytes: (after.schema - before.schema) / transfers,
  walBytes: (after.wal - before.wal) / transfers,
})

function mediansOf(measured: readonly Figures[]): Figures {
  const names = Object.keys(measured[0] ?? {}).filter((name) => !name.endsWith('_transfers'))
  return Object.fromEntries(
    names.map((name) => [name, round(median(measured.map((figures) => figures[name] as number)))]),
  )
}

/** Ratios are taken within each round: a neighbour's load hits both sides of one round alike. */
function ratiosOf(figures: Figures, measured: readonly Figures[]): Record<string, number> {
  const of = (above: string, below: string) =>
    round(median(measured.map((turn) => (turn[above] as number) / (turn[below] as number))))
  return {
    uniform_to_n: of('uniform_perSecond', 'n_tps'),
    random_keys_to_n: of('random_keys_perSecond', 'n_tps'),
    uniform_to_b: of('uniform_perSecond', 'b_tps'),
    zipf_to_n: of('zipf_perSecond', 'n_tps'),
    thousand_to_n: of('thousand_perSecond', 'n_tps'),
    one_account_to_n: of('one_account_perSecond', 'n_tps'),
    one_account_to_uniform: of('one_account_perSecond', 'uniform_perSecond'),
    http_single_to_n: of('http_single_perSecond', 'n_tps'),
    http_batch_to_n: of('http_batch_perSecond', 'n_tps'),
    single_latency_to_n1: of('single_meanMs', 'n1_meanMs'),
    backend_cpu_us: figures.many_backendUs as number,
    backend_cpu_to_n: of('many_backendUs', 'n_backendUs'),
    disk_bytes: figures.disk_bytes as number,
    naive_to_n: of('naive_perSecond', 'n_tps'),
  }
}

function sayRound(figures: Figures): string {
  const shown = [
    'n_tps',
    'b_tps',
    'uniform',
    'random_keys',
    'zipf',
    'thousand',
    'one_account',
    'http_single',
    'http_batch',
    'naive',
  ]
  return shown
    .map((name) => `${name} ${Math.round(figures[name] ?? (figures[`${name}_perSecond`] as number))}/s`)
    .join(', ')
}

/** Who spends what on a transfer: it holds on a shared machine, where rates do not. */
function cpuTable(figures: Figures): string[] {
  const at = (name: string) => String(figures[name] ?? '')
  const line = (title: string, ...cells: string[]) => `| ${[title, ...cells].join(' | ')} |`
  const latencies = (name: string) => `${at(`${name}_p50Ms`)} / ${at(`${name}_p99Ms`)}`
  const direct = (name: string, title: string) =>
    line(title, '', at(`${name}_nodeUs`), at(`${name}_backendUs`), at(`${name}_otherUs`), latencies(name))
  const http = (name: string) =>
    line(
      name,
      ...['registryUs', 'tegUs', 'postgresUs', 'otherUs'].map((part) => at(`${name}_${part}`)),
      latencies(name),
    )
  return [
    "| CPU per transfer, us | registry | TEG or caller | PostgreSQL's backends | its other processes | p50 / p99, ms |",
    '|---|---|---|---|---|---|',
    direct('n', 'pgbench -N, 8 clients'),
    direct('b', 'pgbench TPC-B, 8 clients'),
    direct('n1', 'pgbench -N, 1 client'),
    direct('naive', 'naive ledger from Node, 8 clients'),
    ...['uniform', 'random_keys', 'many', 'zipf', 'thousand', 'one_account', 'single'].map((name) =>
      direct(name, `gate, ${name}`),
    ),
    ...['http_single', 'http_batch'].map(http),
    `disk ${at('disk_bytes')} B and WAL ${at('disk_walBytes')} B per transfer; journal behind the last answer by ${at('http_single_journalLag')} s (single), ${at('http_batch_journalLag')} s (batch)`,
  ]
}

await main()
