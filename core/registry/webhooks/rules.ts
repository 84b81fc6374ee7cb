/** Rules of webhooks: when an attempt is repeated, when an endpoint gets a pause, when it is given up. Times in seconds. */
import { patternToRegex } from '#core/base/pattern.ts'

/** Webhooks of one account; the operators share more. */
export const WEBHOOKS_PER_ACCOUNT = 20
export const WEBHOOKS_OF_OPERATORS = 100
/** Indexes of the journal that one replay looks at. */
export const REPLAY_MAX = 10_000
/** Deliveries that may wait for one webhook; with more it is disabled, and its owner replays what is wanted. */
export const BACKLOG_MAX = 100_000
/** Time that an endpoint has for its answer. */
export const ATTEMPT_TIMEOUT_MS = 15_000
/** Bytes of an answer that are read; of a failing one the beginning is kept. */
export const ANSWER_BYTES_MAX = 4096
export const EXCERPT_CHARACTERS_MAX = 500
/** Attempts of a delivery that its log keeps, the first ones: more than two whole rounds. */
export const LOG_MAX = 25
/** Deliveries are kept so long, then dropped with their logs; the journal keeps the events. */
export const KEPT_SECONDS = 30 * 86_400
/** How long the former secret signs beside the new one unless the owner says otherwise. */
export const OVERLAP_SECONDS = 86_400
export const OVERLAP_SECONDS_MAX = 7 * 86_400

/** Waits before the second, third, ... attempt: those of Standard Webhooks, 75 h 35 min together. */
export const RETRY_SECONDS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400] as const
/** Share by which a wait is moved, up or down: what failed together does not come back together. */
const JITTER = 0.1
/** No Retry-After holds a delivery back for longer. */
export const RETRY_AFTER_MAX_SECONDS = 86_400
/** Failures in a row that open the breaker, its first pause and its longest. */
export const BREAKER_FAILURES = 5
const BREAKER_FIRST_SECONDS = 30
const BREAKER_MAX_SECONDS = 3600
/** An endpoint that has only failed for so long is disabled. */
export const FAILING_MAX_SECONDS = 5 * 86_400
/** Seconds of an answer beyond which an endpoint stands in the lane of those that may keep others waiting. */
export const SLOW_SECONDS = 2

/** What came of one attempt. `error` is a class, null for success. */
export interface AttemptOutcome {
  readonly status: number | null
  readonly error: string | null
  readonly durationMs: number
  readonly excerpt: string | null
  /** What the endpoint asks for, in seconds from now. */
  readonly retryAfterSeconds: number | null
}

/** The class of an answer: only 2xx is success; a redirect is not followed and fails. */
export function errorOf(status: number): string | null {
  if (status >= 200 && status < 300) return null
  if (status === 410) return 'gone'
  return `http_${Math.floor(status / 100)}xx`
}

/**
 * Seconds until the next attempt of a delivery after `tries` of this round; null: it is given up.
 * @param random 0 to 1
 */
export function retryDelay(tries: number, retryAfterSeconds: number | null, random: number): number | null {
  const wait = RETRY_SECONDS[tries - 1]
  if (wait === undefined) return null
  const jittered = wait * (1 - JITTER + 2 * JITTER * random)
  return Math.max(jittered, Math.min(retryAfterSeconds ?? 0, RETRY_AFTER_MAX_SECONDS))
}

/** Seconds that an endpoint is left alone after so many failures in a row; 0: not at all. */
export function breakerPause(failures: number): number {
  if (failures < BREAKER_FAILURES) return 0
  return Math.min(BREAKER_MAX_SECONDS, BREAKER_FIRST_SECONDS * 2 ** Math.min(failures - BREAKER_FAILURES, 10))
}

/** Answers that mean "not so much": Retry-After then counts for the endpoint, not for the one delivery. */
export const isThrottle = (status: number | null): boolean => status === 429 || status === 503

/** Retry-After as seconds from `now`; null where there is none or it says nothing. */
export function readRetryAfter(value: string | string[] | undefined, now: Date): number | null {
  if (typeof value !== 'string') return null
  if (/^\d{1,9}$/.test(value)) return Number(value)
  const time = /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? null : Math.max(0, (time - now.getTime()) / 1000)
}

/** The beginning of an answer, as text that a database takes. */
export function excerptOf(body: Uint8Array): string | null {
  const text = Buffer.from(body.subarray(0, EXCERPT_CHARACTERS_MAX * 4))
    .toString('utf8')
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/\p{Cs}/gu, '\uFFFD')
    .trim()
  return text === '' ? null : text.slice(0, EXCERPT_CHARACTERS_MAX).replace(/\p{Cs}/gu, '')
}

/** The body of a delivery: the event's document with its index, and the member that Standard Webhooks names. */
export function writeBody(envelope: string, index: bigint | null): string {
  const timestamp = `"timestamp":${JSON.stringify(timeOf(envelope))}`
  return `{${timestamp}${index === null ? '' : `,"index":${index}`},${envelope.slice(1)}`
}

/** Its time. Before `data` no member can hold another "time": the document need not be parsed then. */
function timeOf(envelope: string): string {
  const at = envelope.indexOf(TIME)
  const data = envelope.indexOf('"data":')
  if (at === -1 || (data !== -1 && data < at)) return String(JSON.parse(envelope).time)
  return envelope.slice(at + TIME.length, envelope.indexOf('"', at + TIME.length))
}
const TIME = '"time":"'

/** The document of a test. */
export const writeTest = (facts: { id: string; registry: string; webhook: string; time: Date }): string =>
  JSON.stringify({
    specversion: '1.0',
    id: facts.id,
    source: `/registries/${facts.registry}/registry`,
    type: 'webhook.test',
    subject: `webhooks/${facts.webhook}`,
    time: facts.time.toISOString(),
    datacontenttype: 'application/json',
    data: { webhook: facts.webhook },
  })

/** Patterns of types as PostgreSQL matches them. */
export const patternsOf = (types: readonly string[]): string[] => types.map(patternToRegex)

/** As many ids as there are things, in their order: ids of one moment come in none, and lists go by id. */
export const idsInOrder = (things: readonly unknown[], newId: () => string): string[] =>
  things.map(() => newId()).sort()
