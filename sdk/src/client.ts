/** The client: one request function, with groups of methods that speak the registry's routes. */
import { agents } from './agents.ts'
import { auth } from './auth.ts'
import { discovery } from './discovery.ts'
import { NinefoldError, readError } from './errors.ts'
import { events } from './events.ts'
import { makeKey } from './make-key.ts'
import { payments } from './payments.ts'
import { transfers } from './transfers.ts'
import {
  delay,
  type Method,
  type NinefoldOptions,
  pause,
  type RequestOptions,
  type Transport,
} from './transport.ts'
import { webhooks } from './webhooks.ts'

const API = '/api/v1'
const RETRY_AFTER_MAX_SECONDS = 30

export class Ninefold implements Transport {
  readonly options: NinefoldOptions
  readonly auth: ReturnType<typeof auth>
  readonly agents: ReturnType<typeof agents>
  readonly discovery: ReturnType<typeof discovery>
  readonly transfers: ReturnType<typeof transfers>
  readonly payments: ReturnType<typeof payments>
  readonly events: ReturnType<typeof events>
  readonly webhooks: ReturnType<typeof webhooks>

  constructor(options: NinefoldOptions) {
    this.options = options
    this.auth = auth(this)
    this.agents = agents(this)
    this.discovery = discovery(this)
    this.transfers = transfers(this)
    this.payments = payments(this)
    this.events = events(this)
    this.webhooks = webhooks(this)
  }

  /**
   * Sends a request to a path under /api/v1 and reads its JSON reply (undefined where there is none).
   * @throws NinefoldError
   */
  async request<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    const { attemptsMax = 4, retryDelayMs = 200 } = this.options
    // One key for all attempts: the registry does the work once.
    const key = method === 'POST' ? (options.idempotencyKey ?? makeKey()) : options.idempotencyKey
    const repeatable = method === 'GET' || method === 'DELETE' || method === 'POST'
    for (let attempt = 1; ; attempt++) {
      const last = !repeatable || attempt >= attemptsMax
      const outcome = await this.#send(method, path, options, key)
      if (outcome instanceof Response) {
        if (outcome.ok) return (await readReply(outcome)) as T
        const wait = secondsOf(outcome.headers.get('retry-after'))
        const error = await readError(outcome)
        if (last || !mayRepeat(error) || wait > RETRY_AFTER_MAX_SECONDS) throw error
        await pause(Math.max(wait * 1000, delay(retryDelayMs, attempt)), options.signal)
      } else {
        if (last || options.signal?.aborted) throw outcome
        await pause(delay(retryDelayMs, attempt), options.signal)
      }
    }
  }

  async #send(method: Method, path: string, options: RequestOptions, key: string | undefined) {
    const { baseUrl, token, fetch: send = (request: Request) => fetch(request) } = this.options
    const url = new URL(`${baseUrl.replace(/\/+$/, '')}${API}${path}`)
    for (const [name, value] of Object.entries(options.query ?? {}))
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value))
    const headers = new Headers(options.headers)
    const bearer = typeof token === 'function' ? await token() : token
    if (bearer) headers.set('authorization', `Bearer ${bearer}`)
    if (key) headers.set('idempotency-key', key)
    if (options.body !== undefined) headers.set('content-type', 'application/json')
    try {
      return await send(
        new Request(url, {
          method,
          headers,
          body: options.body === undefined ? null : JSON.stringify(options.body),
          signal: options.signal ?? null,
        }),
      )
    } catch (cause) {
      if (options.signal?.aborted) throw options.signal.reason
      const detail = cause instanceof Error ? cause.message : String(cause)
      return new NinefoldError({ code: 'unreachable', status: 0, detail }, { cause })
    }
  }
}

/** Answers after which the same request, with the same key, may be sent again. */
const mayRepeat = (error: NinefoldError): boolean =>
  error.status === 503 || error.status === 504 || error.code === 'idempotency_in_flight'

async function readReply(response: Response): Promise<unknown> {
  const text = await response.text()
  if (text === '') return undefined
  return /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text
}

const secondsOf = (retryAfter: string | null): number =>
  retryAfter !== null && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : 0
