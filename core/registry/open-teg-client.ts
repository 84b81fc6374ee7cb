/** Opens the TEG client over a fetch function: the in-process application or HTTP, the same bytes. */
import type { z } from 'zod'
import { fail as failCommon, Problem } from '#core/base/errors.ts'
import { refuseInsideTransaction } from '#core/platform/database/scope.ts'
import { Books } from '#core/wire/audit.ts'
import * as wire from '#core/wire/teg.ts'
import { type Attempt, makeSender, unavailable } from './send-commands.ts'
import type { TegCall, TegClient } from './teg-client.ts'

export interface TegClientOptions {
  readonly token: string
  readonly fetch: (request: Request) => Response | Promise<Response>
  readonly newId: () => string
  /** Where the TEG stands; of no weight in process. */
  readonly baseUrl?: string
  /** The pause between two attempts of a batch (tests). */
  readonly wait?: (ms: number) => Promise<unknown>
}

/** Failures before anything was sent. */
const UNSENT = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT)$/

export function openTegClient(options: TegClientOptions): TegClient {
  const base = (options.baseUrl ?? 'http://teg').replace(/\/$/, '')
  const request = (path: string, requestId: string, signal: AbortSignal, body?: string) =>
    new Request(base + path, {
      method: body === undefined ? 'GET' : 'POST',
      body: body ?? null,
      signal,
      headers: {
        authorization: `Bearer ${options.token}`,
        'x-request-id': requestId,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    })

  const attempt = async (
    path: string,
    body: string,
    requestId: string,
    signal: AbortSignal,
  ): Promise<Attempt> => {
    try {
      const response = await untilAbort(options.fetch(request(path, requestId, signal, body)), signal)
      const text = await untilAbort(response.text(), signal)
      if (response.status === 200) return { kind: 'reply', body: JSON.parse(text) }
      const code = codeOf(text)
      if (code === 'overloaded' || code === 'shutting_down')
        return { kind: 'unsent', problem: unavailable('It takes nothing more at this moment.') }
      if (response.status >= 500) return { kind: 'unknown', cause: new Error(`The TEG answered ${code}`) }
      // The TEG refused the whole batch: a fault of ours in one of its commands, and nothing was done.
      const cause = new Error(`The TEG answered ${response.status} ${code}`)
      return { kind: 'refused', problem: failCommon('internal_error', undefined, { cause }) }
    } catch (error) {
      if (wasUnsent(error))
        return { kind: 'unsent', problem: unavailable('Nothing listens at its address.', error) }
      return { kind: 'unknown', cause: error }
    }
  }
  const send = makeSender(attempt, options.wait)

  /** A read: null for 404; a Problem of the TEG's own 4xx is passed on (a bad cursor, rates out of bounds). */
  const ask = async <S extends z.ZodType>(
    call: TegCall,
    path: string,
    shape: S,
    body?: unknown,
  ): Promise<z.output<S> | null> => {
    refuseInsideTransaction('A call to the TEG')
    const text = body === undefined ? undefined : JSON.stringify(body)
    let response: Response
    let reply: string
    try {
      response = await untilAbort(
        options.fetch(request(path, call.requestId, call.signal, text)),
        call.signal,
      )
      reply = await untilAbort(response.text(), call.signal)
    } catch (error) {
      throw unavailable('It did not answer.', error)
    }
    if (response.status === 404) return null
    if (response.status >= 500)
      throw unavailable('It could not answer.', new Error(`The TEG answered ${codeOf(reply)}`))
    const json = parseJson(reply)
    if (json === undefined) throw unavailable('Its answer could not be read.')
    if (response.status !== 200) throw passOn(json)
    const parsed = shape.safeParse(json)
    if (!parsed.success) throw failCommon('internal_error', undefined, { cause: parsed.error })
    return parsed.data
  }
  const sure = async <S extends z.ZodType>(
    call: TegCall,
    path: string,
    shape: S,
    body?: unknown,
  ): Promise<z.output<S>> => {
    const found = await ask(call, path, shape, body)
    if (found === null)
      throw failCommon('internal_error', undefined, { cause: new Error(`No ${path} in the TEG`) })
    return found
  }

  return {
    async command(call, command) {
      refuseInsideTransaction('A call to the TEG')
      return (await send(call, [command]))[0] as wire.Outcome
    },
    async commands(call, commands) {
      refuseInsideTransaction('A call to the TEG')
      // It would be linked to another caller's command: batches travel together.
      if (wire.isLinked(commands.at(-1)))
        throw failCommon('internal_error', undefined, { cause: new Error('The last command is linked') })
      return commands.length === 0 ? [] : send(call, commands)
    },
    balance: (call, agent, at) => ask(call, `/accounts/${agent}/balance${search({ at })}`, wire.Balance),
    statement: (call, agent, query) =>
      ask(call, `/accounts/${agent}/statement${search({ ...query })}`, wire.StatementPage),
    transfer: (call, id) => ask(call, `/transfers/${id}`, wire.Transfer),
    transfers: (call, query) => sure(call, '/transfers/search', wire.TransferPage, query),
    payment: (call, id) => ask(call, `/payments/${id}`, wire.Payment),
    payments: (call, query) => sure(call, '/payments/search', wire.PaymentPage, query),
    expiredPayments: (call, limit) =>
      sure(call, `/payments/expired${search({ limit })}`, wire.ExpiredPayments),
    supply: (call) => sure(call, '/supply', wire.Supply),
    treasury: (call) => sure(call, '/treasury', wire.Treasury),
    fees: (call) => sure(call, '/fees', wire.FeeSnapshot),
    postFees: (call, posting) => sure(call, '/fees', wire.FeeSnapshot, posting),
    outbox: (call, after, limit) => sure(call, `/outbox${search({ after, limit })}`, wire.OutboxPage),
    postings: (call, query) => sure(call, `/postings${search({ ...query })}`, wire.PostingPage),
    books: (call, after) => sure(call, `/books${search({ after })}`, Books),
    async ping(call) {
      refuseInsideTransaction('A call to the TEG')
      try {
        const answer = options.fetch(request('/readyz', call.requestId, call.signal))
        return (await untilAbort(answer, call.signal)).status === 200
      } catch {
        return false
      }
    },
  }
}

/** The query of an address without its absent fields. */
function search(fields: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value))
  return query.size > 0 ? `?${query}` : ''
}

/** The promise, or the abort when that comes first: an application in process does not look at a Request's signal. */
function untilAbort<T>(promise: T | Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    Promise.resolve(promise)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function wasUnsent(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (UNSENT.test((at as { code?: string }).code ?? '')) return true
  return false
}

/** Undefined for what is no JSON, such as a proxy's page. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function codeOf(text: string): string {
  const code = (parseJson(text) as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : 'no problem document'
}

/** The TEG's own refusal of a read, as it was given. */
function passOn(json: unknown): Problem {
  const { code, status, title, detail, errors } = json as Problem
  if (status === 401 || status === 403)
    return failCommon('internal_error', undefined, {
      cause: new Error(`The TEG refused the service token: ${code}`),
    })
  return new Problem(code, { status, title }, detail, errors ? { errors } : {})
}
