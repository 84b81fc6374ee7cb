/** The thread of one run: opens what the task needs, runs it under the fence of its holder, answers and ends. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Config } from '#core/platform/config.ts'
import { type Context, idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { openInnerHttp } from '#core/platform/inner-http.ts'
import { type Log, openLog } from '#core/platform/log.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { Schedule, Timetable } from '#core/runtime/define-schedule.ts'
import { leaseSettingsOf } from '#core/runtime/leases/hold-lease.ts'
import { taskContext } from '#core/runtime/run-once.ts'
import type { RunKey } from '#core/runtime/schedule-deps.ts'
import { holdRegistry } from './hold-registry.ts'
import { openCoordination } from './open-coordination.ts'
import { type Order, packError, type ThreadData, type Told, unpackError } from './task-thread-messages.ts'

/** A task works on one thing at a time; a second connection serves what it reads beside. */
const CONNECTIONS_MAX = 2

/** Runs what this thread was started for, which is a task of the timetable. */
export async function runInThread(timetable: Timetable): Promise<void> {
  if (!parentPort) throw new Error('A thread of a task is started by its host')
  const port: MessagePort = parentPort
  const { config, run } = workerData as ThreadData
  const log = openLog({ level: config.LOG_LEVEL })
  // As in the host: a promise that nobody waits for does not end the work.
  process.on('unhandledRejection', (error) => log.error({ task: run.task, error }, 'unhandled rejection'))
  const stop = new AbortController()
  port.on('message', ({ abort }: Order) => stop.abort(unpackError(abort)))
  const tell = (told: Told) => port.postMessage(told)
  const closers: (() => unknown)[] = []
  try {
    const resources = await openResources(config, log, tell, closers)
    tell({ what: 'done', counts: await work(timetable, resources, run, stop.signal) })
  } catch (error) {
    tell({ what: 'failed', error: packError(error) })
  }
  for (const close of closers.reverse()) await close()
  port.close()
}

async function work(
  timetable: Timetable,
  resources: RegistryResources,
  run: RunKey,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const line = timetable[run.task]
  if (line?.service !== 'registry') throw new Error(`the task ${run.task} is not in the timetable`)
  const schedule = (await line.load()).default as Schedule<never> as Schedule<RegistryContext>
  signal.throwIfAborted()
  const runs = keepRuns(resources, 'registry', leaseSettingsOf(resources.config.TASK_LEASE_MS).giveUpMs)
  const contextOf = (context: Context): RegistryContext => ({ ...resources, ...context })
  const ctx = taskContext<RegistryContext>({ resources, runs, contextOf }, { ...run, signal })
  return schedule.run(ctx, { slot: run.slot, epoch: run.epoch })
}

/** What the host has, but a database, a TEG client and coordination of this thread's own. Migrations are the host's. */
async function openResources(
  config: Config,
  log: Log,
  tell: (told: Told) => void,
  closers: (() => unknown)[],
): Promise<RegistryResources> {
  const { DATABASE_URL: url, TEG_URL: tegUrl, TEG_SERVICE_TOKEN: token } = config
  if (!url || !tegUrl || !token)
    throw new Error('A thread can have neither the database nor the TEG of its process')
  const db = openPg({ url, max: CONNECTIONS_MAX, applicationName: 'ninefold-task' })
  closers.push(() => db.close())
  const coordination = await openCoordination(config, log)
  closers.push(() => coordination.close())
  const http = openInnerHttp(tegUrl)
  closers.push(() => http.close())
  const base: Resources = { db, coordination, clock: systemClock, random: systemRandom, log }
  const held = await holdRegistry({
    config,
    resources: base,
    teg: openTegClient({ token, newId: idMaker(systemClock, systemRandom), http }),
    wake: (hint) => tell({ what: 'wake', hint }),
  })
  closers.push(
    () => held.feed.close(),
    () => held.outbound.close(),
  )
  return { ...base, ...held }
}
