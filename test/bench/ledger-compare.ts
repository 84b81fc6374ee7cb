/**
 * The gate of two or more checkouts turn by turn, each on a server of its own, beside pgbench -N: what a change of the ledger costs.
 * `npm run bench:ledger:compare -- before=../other-checkout after=.`; BENCH_ROUNDS (12), BENCH_SECONDS (1), BENCH_LOADS (below).
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import type * as Gate from './ledger-gate.ts'
import { initPgbench, PGBENCH_DATABASE, runPgbench } from './pgbench.ts'
import { median, quantile, say } from './report.ts'
import { type PrivatePostgres, startPostgres } from './start-postgres.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 12)
const seconds = Number(process.env.BENCH_SECONDS ?? 1)
/** kind:callers */
const loads = (process.env.BENCH_LOADS ?? 'uniform:1024 uniform:256 zipf:256 one:256 uniform:1').split(' ')
const ACCOUNTS = 100_000
const SCALE = 50
const settings = { shared_buffers: '1GB', max_wal_size: '4GB', checkpoint_timeout: '15min' }

interface Tree {
  readonly name: string
  readonly server: PrivatePostgres
  readonly admin: Database
  /** That checkout's own gate and load. */
  readonly code: typeof Gate
  readonly world: Gate.GateWorld
}

const opened: (() => Promise<unknown>)[] = []

async function openTree(argument: string): Promise<Tree> {
  const [name, folder] = argument.split('=')
  if (!name || !folder) throw new Error(`${argument}: <name>=<folder of a checkout> is wanted`)
  const server = await startPostgres({ settings })
  opened.push(() => server.stop())
  const admin = openPg({ url: server.url, max: 1 })
  opened.push(() => admin.close())
  const code = (await import(pathToFileURL(resolve(folder, 'test/bench/ledger-gate.ts')).href)) as typeof Gate
  await admin.query(`create database ${code.GATE_DATABASE}`)
  const world = await code.openWorld(server, ACCOUNTS)
  opened.push(() => world.db.close())
  return { name, server, admin, code, world }
}

const pickOf = (code: typeof Gate, kind: string): Gate.Pick => {
  if (kind === 'zipf') return code.zipf(ACCOUNTS)
  if (kind === 'one') return code.toOne(ACCOUNTS)
  return code.uniform(kind === 'thousand' ? 1000 : ACCOUNTS)
}

async function main(): Promise<void> {
  const trees: Tree[] = []
  for (const argument of process.argv.slice(2)) trees.push(await openTree(argument))
  const [first, ...others] = trees
  if (!first || others.length === 0) throw new Error('name two checkouts: before=<folder> after=<folder>')
  await first.admin.query(`create database ${PGBENCH_DATABASE}`)
  await initPgbench(first.server, SCALE)
  say(`${first.server.version}; node ${process.version}; ${rounds} rounds of ${seconds} s a turn`)
  const n: number[] = []
  /** By load and tree, a run a round. */
  const runs = new Map<string, Gate.GateRun[]>()
  const of = (load: string, tree: Tree) => runs.get(`${load} ${tree.name}`) as Gate.GateRun[]
  for (let turn = 0; turn <= rounds; turn++) {
    const { backendUs } = await runPgbench(first.server, 'simple-update', 8, seconds)
    if (turn > 0) n.push(backendUs)
    for (const load of loads)
      for (const tree of turn % 2 === 1 ? trees : trees.toReversed()) {
        const [kind, callers] = load.split(':') as [string, string]
        const pick = pickOf(tree.code, kind)
        const run = await tree.code.runGate(tree.world, tree.server, {
          callers: Number(callers),
          seconds,
          pick,
        })
        // The first round warms up.
        const key = `${load} ${tree.name}`
        if (turn > 0) runs.set(key, [...(runs.get(key) ?? []), run])
      }
  }
  say(`a transaction of pgbench -N: ${median(n).toFixed(0)} us of CPU`)
  say(
    `| load | checkout | backend CPU, us | its ratio to ${first.name} (quartiles) | rate, its ratio | mean latency, ms |`,
  )
  say('|---|---|---|---|---|---|')
  for (const load of loads)
    for (const tree of trees) {
      const mine = of(load, tree)
      const ratios = (figure: 'backendUs' | 'perSecond') =>
        mine.map((run, i) => run[figure] / (of(load, first)[i] as Gate.GateRun)[figure])
      const cpu = ratios('backendUs')
      const cells = [
        ...[load, tree.name, median(mine.map((run) => run.backendUs)).toFixed(1)],
        `${median(cpu).toFixed(3)} (${quantile(cpu, 0.25).toFixed(3)} to ${quantile(cpu, 0.75).toFixed(3)})`,
        `${median(mine.map((run) => run.perSecond)).toFixed(0)}/s, ${median(ratios('perSecond')).toFixed(3)}`,
        median(mine.map((run) => run.meanMs)).toFixed(2),
      ]
      say(`| ${cells.join(' | ')} |`)
    }
}

try {
  await main()
} finally {
  for (let close = opened.pop(); close; close = opened.pop()) await close()
}
