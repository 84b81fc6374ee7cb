/** A process that runs tasks of a test's timetable on real servers: configured by its environment, told by its parent. */

import { type Context, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { openRedis } from '#core/platform/coordination/redis.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { openLog } from '#core/platform/log.ts'
import { keepLeases } from '#core/platform/tasks/keep-leases.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import type { CatchUp } from '#core/platform/tasks/line.ts'
import type { Schema } from '#core/platform/tasks/queries.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { Run, Timetable } from '#core/runtime/define-schedule.ts'
import { fallBackLease } from '#core/runtime/leases/fall-back-lease.ts'
import { leaseSettingsOf } from '#core/runtime/leases/hold-lease.ts'
import { systemTime } from '#core/runtime/leases/time.ts'
import { startSchedules } from '#core/runtime/run-schedules.ts'

/** What a run of the task does. */
export type Deed =
  /** An effect keyed by its slot and a line in the book of writes, in one transaction. */
  | { kind: 'effect' }
  /** The same, but before the commit it tells its parent and waits so long. */
  | { kind: 'slow-write'; waitMs: number }
  /** Tells its parent, blocks the event loop so long, then writes. */
  | { kind: 'block'; blockMs: number }
  /** Tells its parent, waits for a word, then grants AVT at the TEG. */
  | { kind: 'grant'; developer: string; agent: string }
  /** Nothing. */
  | { kind: 'idle' }

export interface WorkerSpec {
  readonly database: string
  readonly schema?: Schema
  readonly redis: string | null
  readonly holder: string
  readonly ttlMs: number
  readonly tasks: Readonly<
    Record<string, { everySeconds: number; catchUp?: CatchUp; timeoutSeconds?: number; deed: Deed }>
  >
  readonly teg?: { url: string; token: string }
}

/** What it tells its parent, by IPC. */
export type Told =
  | { what: 'ready' }
  | { what: 'inside'; task: string; slot: string; epoch: string }
  | { what: 'outcome'; task: string; slot: string; epoch: string; outcome: string }
  | { what: 'stopped' }

const tell = (told: Told) =>
  new Promise<void>((resolve) => process.send?.(told, () => resolve()) ?? resolve())

const spec = JSON.parse(process.env.WORKER ?? '{}') as WorkerSpec
const schema = spec.schema ?? 'registry'
const log = openLog({ level: 'warn', write: (line) => process.stderr.write(line) })
const db = openPg({ url: spec.database, max: 6 })
const coordination = spec.redis ? await openRedis({ url: spec.redis, workers: 4, log }) : openInProcess()
const resources: Resources = { db, coordination, clock: systemClock, random: systemRandom, log }
const settings = leaseSettingsOf(spec.ttlMs)
const rows = keepLeases(resources, schema)

async function write(ctx: Context, task: string, run: Run, hold: () => Promise<void>): Promise<void> {
  const { incarnation, counter } = run.epoch
  await ctx.db.transaction(async (tx) => {
    await tx.query(
      'insert into proof.writes (task, slot, incarnation, epoch, holder) values ($1, $2, $3, $4, $5)',
      [task, run.slot, incarnation, counter, spec.holder],
    )
    await tx.query(
      'insert into proof.effects (task, slot, epoch) values ($1, $2, $3) on conflict (task, slot) do nothing',
      [task, run.slot, counter],
    )
    await hold()
  })
}

async function act(ctx: Context, task: string, deed: Deed, run: Run): Promise<void> {
  const facts = { task, slot: run.slot.toISOString(), epoch: String(run.epoch.counter) }
  if (deed.kind === 'effect') return write(ctx, task, run, async () => undefined)
  if (deed.kind === 'idle') return
  const reported = async (work: Promise<unknown>) => {
    try {
      await work
      await tell({ what: 'outcome', outcome: 'done', ...facts })
    } catch (error) {
      await tell({ what: 'outcome', outcome: String((error as Error).name), ...facts })
      throw error
    }
  }
  if (deed.kind === 'slow-write') {
    return reported(
      write(ctx, task, run, async () => {
        await tell({ what: 'inside', ...facts })
        await new Promise((resolve) => setTimeout(resolve, deed.waitMs))
      }),
    )
  }
  await tell({ what: 'inside', ...facts })
  if (deed.kind === 'block') {
    const until = performance.now() + deed.blockMs
    while (performance.now() < until);
    return reported(write(ctx, task, run, async () => undefined))
  }
  await word
  await grant(ctx, deed, facts)
}

const word = new Promise<void>((resolve) => {
  process.on('message', (message) => {
    if (message === 'go') resolve()
    if (message === 'stop') void stop()
  })
})

async function grant(
  ctx: Context,
  deed: { developer: string; agent: string },
  facts: { task: string; slot: string; epoch: string },
): Promise<void> {
  if (!spec.teg) throw new Error('no TEG')
  const { url, token } = spec.teg
  const teg = openTegClient({ token, baseUrl: url, fetch: (request) => fetch(request), newId: ctx.newId })
  const outcome = await teg.command(
    { requestId: ctx.requestId, signal: AbortSignal.timeout(10_000) },
    {
      op: 'grant',
      developer: deed.developer,
      agent: deed.agent,
      amount: '5',
      budget_per_day: '1000',
      ...(ctx.fence ? { fence: ctx.fence } : {}),
    },
  )
  await tell({ what: 'outcome', outcome: outcome.error?.code ?? 'done', ...facts })
}

const timetable: Timetable = Object.fromEntries(
  Object.entries(spec.tasks).map(([task, { everySeconds, catchUp, timeoutSeconds = 30, deed }]) => [
    task,
    {
      service: schema,
      everySeconds,
      ...(catchUp ? { catchUp } : {}),
      load: async () => ({
        default: {
          timeoutSeconds,
          run: async (ctx: Context, run: Run) => {
            await act(ctx, task, deed, run)
            return { done: 1 }
          },
        } as never,
      }),
    },
  ]),
)

const schedules = startSchedules<Context>({
  service: schema,
  timetable,
  resources,
  contextOf: (base) => base,
  runs: keepRuns(resources, schema, settings.giveUpMs),
  leases: spec.redis ? fallBackLease(coordination, rows, systemTime, settings) : rows,
  holder: spec.holder,
  settings,
})

async function stop(): Promise<void> {
  await schedules.stop(2000)
  await coordination.close()
  await db.close()
  await tell({ what: 'stopped' })
  process.exit(0)
}
process.on('disconnect', () => process.exit(0))
await tell({ what: 'ready' })
