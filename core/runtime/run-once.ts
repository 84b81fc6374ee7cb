/** One run of one task: claimed, bounded in time, fenced in every write, recorded. */
import { type Context, idMaker } from '#core/platform/context.ts'
import type { Database } from '#core/platform/database/database.ts'
import type { Schedule } from './define-schedule.ts'
import type { Held } from './leases/hold-lease.ts'
import { systemTime } from './leases/time.ts'
import type { Outcome, ScheduleDeps } from './schedule-deps.ts'

export interface DueRun<C> {
  readonly task: string
  readonly everySeconds: number
  readonly slot: Date
  readonly lagMs: number
  readonly load: () => Promise<Schedule<C>>
  readonly held: Held
  /** Aborts when the grace of a stop is over. */
  readonly hardStop: AbortSignal
}

const ERROR_CHARS_MAX = 500
/** Time for a task to end after it was told to; then it is left behind with a database that refuses it. */
const END_GRACE_MS = 3_000

class TimedOut extends Error {
  constructor(task: string, seconds: number) {
    super(`the task ${task} did not end within ${seconds} s`)
    this.name = 'TimedOut'
  }
}

/** Runs it if this process may. Only failures of the store are thrown. */
export async function runOnce<C extends Context>(deps: ScheduleDeps<C>, due: DueRun<C>): Promise<void> {
  const { task, slot, held } = due
  const time = deps.time ?? systemTime
  const log = deps.resources.log
  const run = { task, slot, epoch: held.epoch }
  const attempt = await orAbandon(held, () =>
    deps.runs.claim({ ...run, holder: deps.holder, trigger: 'clock' }),
  )
  if (attempt === null) return
  const started = time.monotonic()
  const outcome = await work(deps, due)
  const seconds = (time.monotonic() - started) / 1000
  const fields = { task, run: slot.toISOString(), duration_ms: Math.round(seconds * 1000) }
  if (outcome.error === null) log.debug({ ...fields, count: total(outcome.counts) }, 'a task has run')
  else log.error({ ...fields, error: outcome.cause }, `a task has ${words[outcome.state]}`)
  deps.observe?.({ task, state: outcome.state, seconds, lagSeconds: due.lagMs / 1000 })
  const { cause: _cause, ...recorded } = outcome
  if (await deps.runs.finish({ ...run, ...recorded }, due.everySeconds)) return
  log.warn(fields, 'a task was taken over while it ran')
  held.abandon(new Error('a newer holder of the task exists'))
}

const words: Record<Outcome['state'], string> = {
  completed: 'run',
  failed: 'failed',
  timed_out: 'timed out',
  interrupted: 'been interrupted',
}

/** Runs the task to its end; past its time or after a loss it is told to stop. */
async function work<C extends Context>(
  deps: ScheduleDeps<C>,
  { task, slot, load, held, hardStop }: DueRun<C>,
): Promise<Outcome & { cause?: unknown }> {
  const timeout = new AbortController()
  const over = new AbortController()
  const stopped = AbortSignal.any([held.lost, hardStop])
  try {
    const schedule = await load()
    void (deps.time ?? systemTime).sleep(schedule.timeoutSeconds * 1000, over.signal).then(() => {
      if (!over.signal.aborted) timeout.abort(new TimedOut(task, schedule.timeoutSeconds))
    })
    const signal = AbortSignal.any([stopped, timeout.signal])
    const ctx = contextOf(deps, task, held, signal)
    const counts = await untilLeft(deps, signal, over.signal, schedule.run(ctx, { slot, epoch: held.epoch }))
    return { state: 'completed', counts, error: null }
  } catch (cause) {
    if (isFencedOut(cause)) held.abandon(cause as Error)
    const state = stopped.aborted ? 'interrupted' : timeout.signal.aborted ? 'timed_out' : 'failed'
    const reason = timeout.signal.aborted ? timeout.signal.reason : cause
    return { state, counts: {}, error: describe(reason), cause: reason }
  } finally {
    over.abort()
  }
}

/** The work's result; or a failure when it has not ended a grace after the signal. */
async function untilLeft<C extends Context, T>(
  { time = systemTime }: ScheduleDeps<C>,
  signal: AbortSignal,
  over: AbortSignal,
  running: Promise<T>,
): Promise<T> {
  const left = Promise.withResolvers<never>()
  const onAbort = () => {
    void time.sleep(END_GRACE_MS, over).then(() => left.reject(signal.reason))
  }
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  left.promise.catch(() => undefined)
  return Promise.race([running, left.promise])
}

function contextOf<C extends Context>(
  deps: ScheduleDeps<C>,
  task: string,
  held: Held,
  signal: AbortSignal,
): C {
  const { resources } = deps
  const newId = idMaker(resources.clock, resources.random)
  const db = fenceDatabase(deps, task, held, resources.db.bound(signal))
  return deps.contextOf({
    ...resources,
    db,
    time: resources.clock.fixed,
    caller: { kind: 'service', name: `task:${task}` },
    requestId: newId(),
    signal,
    newId,
    idempotencyKey: null,
    once: (once) => db.transaction(once),
  })
}

/** The database as a task gets it: every transaction that may write begins with the check of its epoch. */
function fenceDatabase<C extends Context>(
  deps: ScheduleDeps<C>,
  task: string,
  held: Held,
  db: Database,
): Database {
  return {
    ...db,
    bound: (next) => fenceDatabase(deps, task, held, db.bound(next)),
    get unbound() {
      return fenceDatabase(deps, task, held, db.unbound)
    },
    transaction: (run, options) =>
      db.transaction(async (tx) => {
        if (!options?.readOnly) await deps.runs.fence(tx, task, held.epoch)
        return run(tx)
      }, options),
  }
}

/** Ends the tenure when a newer holder exists. */
async function orAbandon<T>(held: Held, claim: () => Promise<T>): Promise<T> {
  try {
    return await claim()
  } catch (error) {
    if (isFencedOut(error)) held.abandon(error as Error)
    throw error
  }
}

const isFencedOut = (error: unknown): boolean => (error as Error | null)?.name === 'FencedOut'

const describe = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : 'unknown').slice(0, ERROR_CHARS_MAX)

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)
