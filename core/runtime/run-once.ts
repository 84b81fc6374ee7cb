/** One run of one task: claimed, bounded in time, fenced in every write, recorded. */
import { type Context, idMaker } from '#core/platform/context.ts'
import { type Epoch, publicName } from '#core/platform/tasks/epoch.ts'
import type { Schedule } from './define-schedule.ts'
import { fenceDatabase } from './fence-database.ts'
import type { Held } from './leases/hold-lease.ts'
import { systemTime } from './leases/time.ts'
import type { Outcome, RunKey, ScheduleDeps } from './schedule-deps.ts'

export interface DueRun<C> {
  readonly task: string
  readonly slot: Date
  readonly trigger: 'clock' | 'catchup' | 'manual'
  /** Set where its due time is the newest dealt with. */
  readonly advance: { readonly missed: number } | null
  readonly lagMs: number
  /** Told to stop after this, for the next due time. */
  readonly cancelInMs: number | null
  readonly load: () => Promise<Schedule<C>>
  readonly held: Held<Epoch>
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

class Cancelled extends Error {
  constructor(task: string) {
    super(`the task ${task} was due again`)
    this.name = 'Cancelled'
  }
}

/**
 * Runs it if this process may. Only failures of the store are thrown, and FencedOut.
 * @returns when it ended; null when it was not this process's to run, or is no longer
 */
export async function runOnce<C extends Context>(
  deps: ScheduleDeps<C>,
  due: DueRun<C>,
): Promise<Date | null> {
  const { task, slot, held } = due
  const time = deps.time ?? systemTime
  const log = deps.resources.log
  const run = { task, slot, epoch: held.epoch }
  held.assertHeld()
  const attempt = await deps.runs.claim({ ...run, holder: deps.holder, trigger: due.trigger }, due.advance)
  if (attempt === null) return null
  const started = time.monotonic()
  const outcome = await work(deps, due)
  const seconds = (time.monotonic() - started) / 1000
  const fields = { task, run: slot.toISOString(), duration_ms: Math.round(seconds * 1000) }
  if (outcome.error === null) log.debug({ ...fields, count: total(outcome.counts) }, 'a task has run')
  else log.error({ ...fields, error: outcome.cause }, `a task has ${words[outcome.state]}`)
  deps.observe?.({ task, state: outcome.state, seconds, lagSeconds: due.lagMs / 1000 })
  const { cause: _cause, ...recorded } = outcome
  const ended = await deps.runs.finish({ ...run, ...recorded })
  if (ended) return ended
  log.warn(fields, 'a task was taken over while it ran')
  deps.note?.({ task, what: 'fenced', count: 1 })
  held.abandon(new Error('a newer holder of the task exists'))
  return null
}

const words: Record<Outcome['state'], string> = {
  completed: 'run',
  failed: 'failed',
  timed_out: 'timed out',
  interrupted: 'been interrupted',
  cancelled: 'been cancelled',
}

/** Runs the task to its end; past its time, after a loss or when it is due again it is told to stop. */
async function work<C extends Context>(
  deps: ScheduleDeps<C>,
  due: DueRun<C>,
): Promise<Outcome & { cause?: unknown }> {
  const { task, slot, load, held, hardStop } = due
  const time = deps.time ?? systemTime
  const limit = new AbortController()
  const over = new AbortController()
  const stopped = AbortSignal.any([held.lost, hardStop])
  const endAfter = (milliseconds: number, reason: Error) =>
    void time.sleep(milliseconds, over.signal).then(() => {
      if (!over.signal.aborted) limit.abort(reason)
    })
  try {
    const schedule = await load()
    const { timeoutSeconds } = schedule
    endAfter(timeoutSeconds * 1000, new TimedOut(task, timeoutSeconds))
    if (due.cancelInMs !== null) endAfter(due.cancelInMs, new Cancelled(task))
    const signal = AbortSignal.any([stopped, limit.signal])
    const running = begin(deps, schedule, { task, slot, epoch: held.epoch }, signal)
    const counts = await untilLeft(deps, signal, over.signal, running)
    return { state: 'completed', counts, error: null }
  } catch (cause) {
    if ((cause as Error | null)?.name === 'FencedOut') held.abandon(cause as Error)
    const reason = !stopped.aborted && limit.signal.aborted ? limit.signal.reason : cause
    return { state: stateOf(stopped, reason), counts: {}, error: describe(reason), cause: reason }
  } finally {
    over.abort()
  }
}

/** Begins the work: in a thread of its own where the task asks for one and the host has any, else in this one. */
function begin<C extends Context>(
  deps: ScheduleDeps<C>,
  schedule: Schedule<C>,
  run: RunKey,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const { task, slot, epoch } = run
  if (schedule.isolate && deps.isolated) return deps.isolated(run, signal)
  if (schedule.isolate)
    deps.resources.log.debug({ task }, 'no thread for the task here: it runs in the process')
  return schedule.run(taskContext(deps, { ...run, signal }), { slot, epoch })
}

function stateOf(stopped: AbortSignal, reason: unknown): Outcome['state'] {
  if (stopped.aborted) return 'interrupted'
  if (reason instanceof Cancelled) return 'cancelled'
  return reason instanceof TimedOut ? 'timed_out' : 'failed'
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

/** The context of one run: bound to its signal, fenced in every write, with the fence that its commands carry. */
export function taskContext<C extends Context>(
  deps: Pick<ScheduleDeps<C>, 'resources' | 'runs' | 'contextOf'>,
  run: RunKey & { readonly signal: AbortSignal },
): C {
  const { resources } = deps
  const { task, slot, epoch, signal } = run
  const newId = idMaker(resources.clock, resources.random)
  const db = fenceDatabase(resources.db.bound(signal), (tx) => deps.runs.fence(tx, task, epoch))
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
    fence: {
      task: publicName(task),
      incarnation: epoch.incarnation,
      epoch: String(epoch.counter),
      slot: slot.toISOString(),
    },
  })
}

const describe = (error: unknown): string =>
  (error instanceof Error ? `${error.name}: ${error.message}` : 'unknown').slice(0, ERROR_CHARS_MAX)

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0)
