/** The lane of one webhook: sends what is due while it holds the lease, keeps what came of it, gives the lease back. */
import type { RegistryContext } from '../context.ts'
import { attemptDelivery, signersOf } from './attempt-delivery.ts'
import {
  type AttemptResult,
  commitLightly,
  type DueRow,
  keepResults,
  listDue,
  listInOrder,
} from './delivery-queries.ts'
import { disableWebhook } from './disable-webhook.ts'
import { type ClaimedRow, dropLease, type Health, keepHealth } from './queries.ts'
import {
  type AttemptOutcome,
  BREAKER_FAILURES,
  breakerPause,
  FAILING_MAX_SECONDS,
  isThrottle,
  LOG_MAX,
  RETRY_AFTER_MAX_SECONDS,
  retryDelay,
  SLOW_SECONDS,
  writeBody,
} from './rules.ts'
import type { Signer } from './sign-delivery.ts'

/** Requests that one endpoint has at the same time; in ordered mode one. */
export const REQUESTS_PER_WEBHOOK = 8
/** Deliveries that are read, and kept, at a time; their documents may be cards of 64 KiB. */
const PAGE = { rows: 200, bytes: 512 * 1024 }
/** A lane ends after so long, so that lanes go round; requests at work then still end by their own timeout. */
const LANE_MS = 10_000
/** Longer than a lane can go without keeping anything: its time, one timeout and the database. */
export const LEASE_SECONDS = 60

export interface LaneReport {
  readonly delivered: number
  readonly failed: number
  /** Seconds until the first of those that failed is due again; null: none is. */
  readonly nextSeconds: number | null
}

interface Lane {
  readonly ctx: RegistryContext
  readonly webhook: ClaimedRow
  readonly signers: readonly Signer[]
  readonly until: number
  failures: number
  failing: Health['failing']
  throttleSeconds: number
  slow: boolean
  gone: boolean
  stopped: boolean
  delivered: number
  failed: number
  nextSeconds: number | null
}

/** Runs it to its end. What was sent and not kept, because the process died, is sent again under the same webhook-id. */
export async function runLane(ctx: RegistryContext, webhook: ClaimedRow): Promise<LaneReport> {
  const lane: Lane = {
    ctx,
    webhook,
    signers: signersOf(ctx, webhook, webhook.before_good),
    until: performance.now() + LANE_MS,
    failures: webhook.failures,
    failing: webhook.failures > 0 ? 'still' : 'no',
    throttleSeconds: 0,
    slow: false,
    gone: false,
    stopped: false,
    delivered: 0,
    failed: 0,
    nextSeconds: null,
  }
  await sendPages(lane)
  // Only then: after a failure of ours the lease lapses by itself, so that the next try is not at once.
  await dropLease(ctx.db.unbound, webhook)
  return lane
}

/** A page is sent while the one before it is kept and the one after it is read. */
async function sendPages(lane: Lane): Promise<void> {
  let rows = await readPage(lane, null)
  let keeping: Promise<void> = Promise.resolve()
  while (rows.length > 0 && !lane.stopped) {
    const reading = readPage(lane, rows.at(-1) as DueRow)
    reading.catch(() => undefined)
    const results = await sendPage(lane, rows)
    await keeping
    keeping = keepPage(lane, results)
    keeping.catch(() => undefined)
    rows = lane.stopped ? [] : await reading
  }
  await keeping
}

/** After failures that opened the breaker one delivery goes first. */
async function readPage(lane: Lane, after: DueRow | null): Promise<DueRow[]> {
  const { ctx, webhook } = lane
  const db = ctx.db.unbound
  const page = lane.failures >= BREAKER_FAILURES ? { ...PAGE, rows: 1 } : PAGE
  if (!webhook.ordered) return listDue(db, webhook.id, after, page, ctx.time)
  const rows = await listInOrder(db, webhook.id, after?.index ?? 0n, page, ctx.time)
  const early = rows.findIndex(({ due }) => !due)
  return early === -1 ? rows : rows.slice(0, early)
}

async function sendPage(lane: Lane, rows: readonly DueRow[]): Promise<AttemptResult[]> {
  const results: AttemptResult[] = []
  let next = 0
  const sender = async () => {
    while (!lane.stopped && performance.now() < lane.until) {
      const row = rows[next++]
      if (!row) return
      const at = lane.ctx.clock.now().toISOString()
      const body = writeBody(row.envelope, row.index)
      const outcome = await attemptDelivery(lane.ctx, lane.webhook.url, lane.signers, {
        id: row.event_id,
        body,
      }).catch((error) => {
        lane.stopped = true
        // A stop of the process: nothing is known of this attempt, so nothing is kept of it.
        if (lane.ctx.signal.aborted) return null
        throw error
      })
      if (outcome)
        results.push({ index: row.index, delivery: row.delivery, ...judge(lane, row, outcome, at) })
    }
    lane.stopped = true
  }
  const senders = lane.webhook.ordered ? 1 : Math.min(REQUESTS_PER_WEBHOOK, rows.length)
  await Promise.all(Array.from({ length: senders }, sender))
  return results
}

/** What an outcome means for the delivery, and for the endpoint. */
function judge(
  lane: Lane,
  row: DueRow,
  outcome: AttemptOutcome,
  at: string,
): Omit<AttemptResult, 'index' | 'delivery'> {
  const { status, error, excerpt } = outcome
  const number = row.attempts + 1
  const attempt = { number, at, duration_ms: outcome.durationMs, status, error, excerpt }
  if (outcome.durationMs > SLOW_SECONDS * 1000) lane.slow = true
  if (error === null) {
    lane.delivered++
    lane.failures = 0
    lane.failing = 'no'
    return { attempt, state: 'delivered', delay: 0 }
  }
  lane.failed++
  lane.failures++
  if (lane.failing === 'no') lane.failing = 'new'
  const wish = Math.min(outcome.retryAfterSeconds ?? 0, RETRY_AFTER_MAX_SECONDS)
  if (isThrottle(status)) lane.throttleSeconds = Math.max(lane.throttleSeconds, wish)
  if (error === 'gone') lane.gone = true
  if (lane.gone || lane.throttleSeconds > 0 || breakerPause(lane.failures) > 0) lane.stopped = true
  const random = Buffer.from(lane.ctx.random(4)).readUInt32BE() / 2 ** 32
  const delay = lane.gone ? null : retryDelay(row.tries + 1, outcome.retryAfterSeconds, random)
  if (delay === null) return { attempt, state: 'failed', delay: 0 }
  // In order: those behind it wait until it has arrived or is given up.
  if (lane.webhook.ordered) lane.stopped = true
  lane.nextSeconds = Math.min(lane.nextSeconds ?? delay, delay)
  return { attempt, state: 'waiting', delay }
}

/** Keeps results and health in one transaction. Without the lease the results still are what happened. */
async function keepPage(lane: Lane, results: readonly AttemptResult[]): Promise<void> {
  if (results.length === 0) return
  const { ctx, webhook } = lane
  const health: Health = {
    failures: lane.failures,
    failing: lane.failing,
    pauseSeconds: Math.max(lane.throttleSeconds, breakerPause(lane.failures)),
    slow: lane.slow,
  }
  const disabled = await ctx.db.unbound.transaction(async (tx) => {
    commitLightly(tx)
    const kept = await keepHealth(tx, webhook, health, LEASE_SECONDS, ctx.time)
    keepResults(tx, webhook.id, results, LOG_MAX, ctx.time)
    if (!kept || kept.disabled) lane.stopped = true
    if (!kept) return false
    if (lane.gone) return disableWebhook(tx, ctx, webhook, 'gone')
    return kept.failing_seconds >= FAILING_MAX_SECONDS && disableWebhook(tx, ctx, webhook, 'failing')
  })
  if (lane.failing === 'new') lane.failing = 'still'
  if (!disabled) return
  lane.stopped = true
  ctx.wake('mail')
  ctx.wake('relay')
}
