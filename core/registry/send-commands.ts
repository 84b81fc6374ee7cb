/** Commands on their way to the TEG: calls of one moment travel in one batch; what was sent is resent until it is answered. */
import { setTimeout as delay } from 'node:timers/promises'
import { fail as failCommon, type Problem } from '#core/base/errors.ts'
import { COMMANDS_MAX, type Command, type Outcome, OutcomeBatch } from '#core/wire/teg.ts'
import type { TegCall } from './teg-client.ts'
import { fail } from './teg-errors.ts'
import type { Watch } from './watch-silence.ts'

const LANES = 2
/** Bytes of one batch's commands, so that a body stays far below the TEG's limit. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024
/** Commands that may wait for a lane; beyond it nothing more is taken. */
const QUEUED_MAX = 50_000
const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 2_000
/** Time for one attempt: an answer that takes longer is asked for again, with the same keys. */
const ATTEMPT_MS = 15_000

/** What became of one attempt: `unsent` and `refused` surely had no effect; `refused` is a fault of some command. */
export type Attempt =
  | { kind: 'reply'; body: unknown }
  | { kind: 'unsent'; problem: Problem }
  | { kind: 'refused'; problem: Problem }
  | { kind: 'unknown'; cause: unknown }
export type Send = (path: string, body: string, call: TegCall) => Promise<Attempt>

interface Waiting {
  readonly call: TegCall
  readonly text: string
  readonly count: number
  sent: boolean
  settled: boolean
  readonly resolve: (outcomes: Outcome[]) => void
  readonly reject: (error: Problem) => void
}

/** What the lanes of a sender know together. */
interface Lanes {
  readonly send: Send
  readonly watch: Watch
  readonly wait: (ms: number) => Promise<unknown>
  readonly queue: Waiting[]
  busy: number
  /** Commands in the queue. */
  queued: number
  /** Lanes whose batch does not come through. */
  stuck: number
}

/** Makes the sender. `wait` is the pause between two attempts. */
export function makeSender(
  send: Send,
  watch: Watch,
  wait: (ms: number) => Promise<unknown> = (ms) => delay(ms),
): (call: TegCall, commands: readonly Command[]) => Promise<Outcome[]> {
  const lanes: Lanes = { send, watch, wait, queue: [], busy: 0, queued: 0, stuck: 0 }
  return (call, commands) =>
    new Promise((resolve, reject) => {
      const settle = <T>(act: (value: T) => void) => {
        return (value: T) => {
          if (entry.settled) return
          entry.settled = true
          call.signal.removeEventListener('abort', onAbort)
          act(value)
        }
      }
      const entry: Waiting = {
        call,
        text: commands.map((command) => JSON.stringify(command)).join(','),
        count: commands.length,
        sent: false,
        settled: false,
        resolve: settle(resolve),
        reject: settle(reject),
      }
      const onAbort = () =>
        entry.reject(
          entry.sent ? unknown() : unavailable('The ledger was not asked in time; nothing was done.'),
        )
      if (call.signal.aborted) return onAbort()
      if (lanes.stuck >= LANES || (lanes.busy > 0 && watch.silent())) return entry.reject(unavailable(AWAY))
      if (lanes.queued > 0 && lanes.queued + commands.length > QUEUED_MAX)
        return entry.reject(overloaded(lanes.queued))
      call.signal.addEventListener('abort', onAbort, { once: true })
      lanes.queue.push(entry)
      lanes.queued += entry.count
      if (lanes.busy < LANES) void runLane(lanes)
    })
}

/** A lane: takes all that waits when it becomes free, and has one batch on its way at a time. */
async function runLane(lanes: Lanes): Promise<void> {
  lanes.busy++
  // Sockets are read before this goes on: what arrives in one turn of the event loop travels together.
  await new Promise((next) => setImmediate(next))
  // Nothing is sent into silence: whoever comes after all others have given up asks first.
  if (lanes.watch.silent() && !(await lanes.watch.ask())) giveUpQueue(lanes)
  while (lanes.queue.length > 0) {
    const batch = take(lanes)
    if (batch.length > 0) await deliver(lanes, batch)
  }
  lanes.busy--
}

const AWAY = 'The ledger has not answered what was sent before; nothing was done of this.'
/** Nothing comes through: what waits for a lane has surely not been sent, and is told so now. */
function giveUpQueue(lanes: Lanes): void {
  lanes.queued = 0
  for (const entry of lanes.queue.splice(0)) entry.reject(unavailable(AWAY))
}

const overloaded = (queued: number) =>
  failCommon('overloaded', `${queued} commands wait for the ledger; nothing was done.`, {
    headers: { 'retry-after': '1' },
  })
const unknown = () =>
  fail('outcome_unknown', 'It was sent and may have happened. Repeat it with the same Idempotency-Key.')
export const unavailable = (detail: string, cause?: unknown) =>
  fail('teg_unavailable', detail, { headers: { 'retry-after': '1' }, cause })

/** All that is queued and fits into one batch; who has given up meanwhile is left out. */
function take(lanes: Lanes): Waiting[] {
  const { queue } = lanes
  let commands = 0
  let bytes = 0
  let taken = 0
  for (const entry of queue) {
    if (taken > 0 && (commands + entry.count > COMMANDS_MAX || bytes + entry.text.length > BATCH_BYTES_MAX))
      break
    commands += entry.settled ? 0 : entry.count
    bytes += entry.settled ? 0 : entry.text.length
    taken++
  }
  const entries = queue.splice(0, taken)
  for (const { count } of entries) lanes.queued -= count
  return entries.filter((entry) => !entry.settled)
}

/** Sends a batch until it is answered, or until nobody waits for it any more. */
async function deliver(lanes: Lanes, batch: readonly Waiting[]): Promise<void> {
  const body = `{"commands":[${batch.map((entry) => entry.text).join(',')}]${callsOf(batch)}}`
  let isStuck = false
  const unwatch = lanes.watch.begin(() => giveUpQueue(lanes))
  try {
    for (let failures = 0; batch.some((entry) => !entry.settled); failures++) {
      if (failures > 0) await lanes.wait(Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (failures - 1)))
      for (const entry of batch) entry.sent = true
      const call = callOf(batch)
      const result = await lanes.send('/commands', body, call)
      if (result.kind === 'reply') {
        lanes.watch.answered()
        return answer(batch, result.body)
      }
      // A connection that broke may have been the only one; a second failure, or silence, says more.
      if (!isStuck && (failures > 0 || call.signal.aborted)) {
        isStuck = true
        lanes.stuck++
      }
      if (result.kind === 'unsent' || lanes.stuck >= LANES) giveUpQueue(lanes)
      if (failures > 0) continue
      if (result.kind === 'refused') return await refuse(lanes, batch, result.problem)
      if (result.kind === 'unsent') {
        for (const entry of batch) entry.reject(result.problem)
        return
      }
    }
  } finally {
    unwatch()
    if (isStuck) lanes.stuck--
  }
}

/** Whose commands a batch of several calls holds: the TEG's log names each request that one of its failures has met. */
const callsOf = (batch: readonly Waiting[]): string =>
  batch.length < 2
    ? ''
    : `,"calls":${JSON.stringify(batch.map(({ call, count }) => [call.requestId, count]))}`

/** The call of a batch's attempt: the first one's id, and the time of the one that waits longest. */
function callOf(batch: readonly Waiting[]): TegCall {
  const now = performance.now()
  const waiting = batch.filter((entry) => !entry.settled)
  const latest = Math.max(...waiting.map((entry) => entry.call.deadline ?? Number.POSITIVE_INFINITY))
  const ms = Math.max(1, Math.min(ATTEMPT_MS, Math.ceil(latest - now)))
  const requestId = (waiting[0] ?? (batch[0] as Waiting)).call.requestId
  return { requestId, signal: AbortSignal.timeout(ms), deadline: now + ms }
}

/** A malformed command must not take its neighbours along: the batch is halved until it stands alone. */
async function refuse(lanes: Lanes, batch: readonly Waiting[], problem: Problem): Promise<void> {
  if (batch.length === 1) return (batch[0] as Waiting).reject(problem)
  const middle = batch.length >> 1
  await deliver(lanes, batch.slice(0, middle))
  await deliver(lanes, batch.slice(middle))
}

function answer(batch: readonly Waiting[], body: unknown): void {
  const parsed = OutcomeBatch.safeParse(body)
  const wanted = batch.reduce((sum, entry) => sum + entry.count, 0)
  if (!parsed.success || parsed.data.outcomes.length !== wanted) {
    const cause = parsed.success ? new Error('The TEG gave another number of outcomes') : parsed.error
    for (const entry of batch) entry.reject(failCommon('internal_error', undefined, { cause }))
    return
  }
  let at = 0
  for (const entry of batch) {
    const outcomes = parsed.data.outcomes.slice(at, at + entry.count)
    at += entry.count
    if (entry.count === 1 && outcomes[0]?.error?.code === 'internal_error')
      entry.reject(failCommon('internal_error', outcomes[0].error.detail))
    else entry.resolve(outcomes)
  }
}
