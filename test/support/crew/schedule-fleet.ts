/** Processes that share a timetable on a PostgreSQL and a Redis of a test's own, and what they have left behind. */
import { type ChildProcess, fork } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { migrations as registry } from '#core/registry/migrations.generated.ts'
import { migrations as teg } from '#core/teg/migrations.generated.ts'
import type { PrivatePostgres } from '#test/bench/start-postgres.ts'
import type { Told, WorkerSpec } from './schedule-worker.ts'

const SCRIPT = new URL('./schedule-worker.ts', import.meta.url).pathname
const WAIT_MS_MAX = 60_000

export interface FleetWorker {
  readonly holder: string
  readonly child: ChildProcess
  readonly told: readonly Told[]
  send(word: 'go' | 'stop'): void
  signal(name: NodeJS.Signals): void
  /** The first thing told that fits, now or later. */
  until(fits: (told: Told) => boolean): Promise<Told>
  /** Gives everything back and ends. */
  stop(): Promise<void>
  readonly ended: Promise<void>
  readonly errors: () => string
}

/** A fresh, migrated database with the book in which workers write. */
export async function proofDatabase(
  server: PrivatePostgres,
  name: string,
): Promise<{ url: string; db: Database }> {
  const admin = openPg({ url: server.url, max: 1 })
  await admin.query(`create database ${name}`)
  await admin.close()
  const url = server.urlOf(name)
  const db = openPg({ url, max: 3 })
  await migrate(db, 'registry', registry)
  await migrate(db, 'teg', teg)
  await db.script(`
    create schema proof;
    create table proof.writes (id bigint generated always as identity primary key, task text not null,
      slot timestamptz not null, incarnation integer not null, epoch bigint not null, holder text not null);
    create table proof.effects (task text not null, slot timestamptz not null, epoch bigint not null,
      primary key (task, slot));`)
  return { url, db }
}

export async function startWorker(spec: WorkerSpec): Promise<FleetWorker> {
  const child = fork(SCRIPT, {
    env: { PATH: process.env.PATH, WORKER: JSON.stringify(spec) },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const told: Told[] = []
  let errors = ''
  const listeners = new Set<() => void>()
  child.stderr?.on('data', (chunk) => {
    errors = (errors + chunk).slice(-20_000)
  })
  child.on('message', (message) => {
    told.push(message as Told)
    for (const tell of [...listeners]) tell()
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const until: FleetWorker['until'] = (fits) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        listeners.delete(look)
        reject(new Error(`${spec.holder} has not told it: ${JSON.stringify(told)}\n${errors}`))
      }, WAIT_MS_MAX)
      const look = () => {
        const found = told.find(fits)
        if (!found) return
        clearTimeout(timer)
        listeners.delete(look)
        resolve(found)
      }
      listeners.add(look)
      look()
    })
  const worker: FleetWorker = {
    holder: spec.holder,
    child,
    told,
    send: (word) => void child.send(word),
    signal: (name) => void child.kill(name),
    until,
    ended,
    errors: () => errors,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGCONT')
      if (child.connected) child.send('stop')
      const left = await Promise.race([ended.then(() => false), wait(10_000, true)])
      if (left) child.kill('SIGKILL')
      await ended
    },
  }
  await until((message) => message.what === 'ready')
  return worker
}

/** `hosts` x `workers` processes on one timetable. */
export async function startFleet(
  spec: Omit<WorkerSpec, 'holder'>,
  hosts: number,
  workers: number,
): Promise<FleetWorker[]> {
  const names = Array.from({ length: hosts }, (_, h) =>
    Array.from({ length: workers }, (_, w) => `host-${h + 1}/worker-${w + 1}`),
  ).flat()
  return Promise.all(names.map((holder) => startWorker({ ...spec, holder })))
}

export const stopFleet = (fleet: readonly FleetWorker[]) => Promise.all(fleet.map((worker) => worker.stop()))

/** The process that holds a task now, by the database. */
export async function leaderOf(
  db: Database,
  task: string,
): Promise<{ holder: string; epoch: bigint } | null> {
  const [row] = await db.query<{ holder: string; epoch: bigint }>(
    'select holder, epoch from registry.task_epochs where task = $1 and released_at is null',
    [task],
  )
  return row ?? null
}

export interface Ledger {
  /** Due times in all, by task contiguous from the first to the last that was run. */
  readonly slots: number
  readonly runs: number
  readonly completed: number
  readonly effects: number
  readonly attempts: number
  /** Due times without a completed run between the first and the last one. */
  readonly gaps: number
  /** Runs that are not completed. */
  readonly unfinished: number
  /** Writes that landed behind one of a newer epoch. */
  readonly stale: number
  readonly epochs: number
}

/** What the fleet has left behind, for tasks that are due every second. */
export async function readLedger(db: Database): Promise<Ledger> {
  const [row] = await db.query<Record<keyof Ledger, bigint>>(`
    select (select coalesce(sum(s.n), 0) from (select extract(epoch from max(slot) - min(slot)) + 1 as n
        from registry.task_runs group by task) s)::bigint as slots,
      (select count(*) from registry.task_runs) as runs,
      (select count(*) from registry.task_runs where state = 'completed') as completed,
      (select count(*) from proof.effects) as effects,
      (select coalesce(sum(attempt), 0) from registry.task_runs)::bigint as attempts,
      (select count(*) from (select slot - lag(slot) over (partition by task order by slot) as step
        from registry.task_runs where state = 'completed') g where g.step > interval '1 second') as gaps,
      (select count(*) from registry.task_runs where state <> 'completed') as unfinished,
      (select count(*) from (select e.epoch < lag(e.epoch) over (partition by e.task order by e.id) as stale
        from (select task, id, incarnation * 1000000000::bigint + epoch as epoch from proof.writes) e) w
        where w.stale) as stale,
      (select coalesce(sum(epoch), 0) from registry.task_epochs)::bigint as epochs`)
  return Object.fromEntries(
    Object.entries(row as Record<string, bigint>).map(([name, value]) => [name, Number(value)]),
  ) as unknown as Ledger
}
