/** Runs pgbench, PostgreSQL's own benchmark, against a private server: the yardstick of the ledger. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { quantile } from './report.ts'
import type { PrivatePostgres } from './start-postgres.ts'
import { cpuBetween, serverCpu, watchServer } from './usage.ts'

const run = promisify(execFile)
export const PGBENCH_DATABASE = 'pgbench'

/** `-N`: one balance, one history row (simple update); `tpcb`: three balances, one history row. */
export type Script = 'simple-update' | 'tpcb-like'

export interface PgbenchRun {
  readonly tps: number
  readonly meanMs: number
  /** Only of a run with `latencies`. */
  readonly p50Ms: number
  readonly p99Ms: number
  /** Microseconds of the backends' CPU per transaction. */
  readonly backendUs: number
  /** The same of the server's other processes: checkpointer, WAL writer, autovacuum. */
  readonly otherUs: number
}

/** Makes pgbench's tables. */
export async function initPgbench(server: PrivatePostgres, scale: number): Promise<void> {
  await run(join(server.bin, 'pgbench'), ['-i', '-q', '-s', String(scale), ...target(server)])
}

export async function runPgbench(
  server: PrivatePostgres,
  script: Script,
  clients: number,
  seconds: number,
): Promise<PgbenchRun> {
  const folder = mkdtempSync(join(tmpdir(), 'ninefold-pgbench-'))
  try {
    // Backends end with the run: the last reading of each counts.
    const used = new Map<number, number>()
    const usedSince = watchServer(server.pid, PGBENCH_DATABASE)
    const watch = setInterval(() => {
      for (const [pid, cpu] of serverCpu(server.pid, PGBENCH_DATABASE).backends) used.set(pid, cpu)
    }, 50)
    const { stdout } = await run(
      join(server.bin, 'pgbench'),
      [
        ...['-b', script, '-M', 'prepared', '-n', '-c', String(clients), '-j', String(Math.min(2, clients))],
        ...['-T', String(seconds), '--log', '--log-prefix', join(folder, 'log'), ...target(server)],
      ],
      { maxBuffer: 1 << 20 },
    ).finally(() => clearInterval(watch))
    const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? Number.NaN)
    const count = number(/number of transactions actually processed: (\d+)/)
    const times = readTimes(folder)
    return {
      tps: number(/tps = ([\d.]+)/),
      meanMs: number(/latency average = ([\d.]+) ms/),
      p50Ms: quantile(times, 0.5),
      p99Ms: quantile(times, 0.99),
      backendUs: (cpuBetween(new Map(), used) * 1e6) / count,
      otherUs: (usedSince().others * 1e6) / count,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const target = (server: PrivatePostgres) => [
  ...['-h', '127.0.0.1', '-p', String(server.port), '-U', 'postgres', PGBENCH_DATABASE],
]

/** Milliseconds of every transaction: the third field of pgbench's log. */
function readTimes(folder: string): number[] {
  return readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Number(line.split(' ')[2]) / 1000),
  )
}
