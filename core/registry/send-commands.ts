/** Commands on their way to the TEG: calls of one moment travel in one batch; what was sent is resent until it is answered. */
import { setTimeout as delay } from 'node:timers/promises'
import { fail as failCommon, type Problem } from '#core/base/errors.ts'
import { COMMANDS_MAX, type Command, type Outcome, OutcomeBatch } from '#core/wire/teg.ts'
import type { TegCall } from './teg-client.ts'
import { fail } from './teg-errors.ts'

const LANES = 2
/** Bytes of one batch's commands, so that a body stays far below the TEG's limit. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024
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
export type Send = (path: string, body: string, requestId: string, signal: AbortSignal) => Promise<Attempt>

interface Waiting {
  readonly call: TegCall
  readonly text: string
  readonly count: number
  sent: boolean
  settled: boolean
  readonly resolve: (outcomes: Outcome[]) => void
  readonly reject: (error: Problem) => void
}

/** Makes the sender. `wait` is the pause between two attempts. */
export function makeSender(
  send: Send,
  wait: (ms: number) => Promise<unknown> = (ms) => delay(ms),
): (call: TegCall, commands: readonly Command[]) => Promise<Outcome[]> {
  const queue: Waiting[] = []
  let busy = 0
  const run = async () => {
    busy++
    await Promise.resolve()
    while (queue.length > 0) {
      const batch = take(queue)
      if (batch.length > 0) await deliver(send, wait, batch)
    }
    busy--
  }
  return (call, commands) =>
    new Promise((resolve, reject) => {
      const text = commands.map((command) => JSON.stringify(command)).join(',')
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
        text,
        count: commands.length,
        sent: false,
        settled: false,
        resolve: settle(resolve),
        reject: settle(reject),
      }
      const onAbort = () => entry.reject(entry.sent ? unknown() : unavailable('It was not sent in time.'))
      if (call.signal.aborted) return onAbort()
      call.signal.addEventListener('abort', onAbort, { once: true })
      queue.push(entry)
      if (busy < LANES) void run()
    })
}

const unknown = () =>
  fail('outcome_unknown', 'It was sent and may have happened. Repeat it with the same Idempotency-Key.')
export const unavailable = (detail: string, cause?: unknown) =>
  fail('teg_unavailable', detail, { headers: { 'retry-after': '1' }, cause })

/** All that is queued and fits into one batch; who has given up meanwhile is left out. */
function take(queue: Waiting[]): Waiting[] {
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
  return queue.splice(0, taken).filter((entry) => !entry.settled)
}

/** Sends a batch until it is answered, or until nobody waits for it any more. */
async function deliver(
  send: Send,
  wait: (ms: number) => Promise<unknown>,
  batch: readonly Waiting[],
): Promise<void> {
  const body = `{"commands":[${batch.map((entry) => entry.text).join(',')}]}`
  const requestId = (batch[0] as Waiting).call.requestId
  let mayHaveHappened = false
  for (let attempt = 0; batch.some((entry) => !entry.settled); attempt++) {
    if (attempt > 0) await wait(Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** (attempt - 1)))
    for (const entry of batch) entry.sent = true
    const result = await send('/commands', body, requestId, AbortSignal.timeout(ATTEMPT_MS))
    if (result.kind === 'reply') return answer(batch, result.body)
    if (result.kind === 'unsent' && !mayHaveHappened) {
      for (const entry of batch) entry.reject(result.problem)
      return
    }
    if (result.kind === 'refused' && !mayHaveHappened) return refuse(send, wait, batch, result.problem)
    mayHaveHappened = true
  }
}

/** A malformed command must not take its neighbours along: the batch is halved until it stands alone. */
async function refuse(
  send: Send,
  wait: (ms: number) => Promise<unknown>,
  batch: readonly Waiting[],
  problem: Problem,
): Promise<void> {
  if (batch.length === 1) return (batch[0] as Waiting).reject(problem)
  const middle = batch.length >> 1
  await deliver(send, wait, batch.slice(0, middle))
  await deliver(send, wait, batch.slice(middle))
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
