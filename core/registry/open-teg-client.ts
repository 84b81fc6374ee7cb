/** Opens the TEG client over an application of this process or over HTTP: the same bytes. */
import type { z } from 'zod'
import { fail as failCommon, Problem } from '#core/base/errors.ts'
import { systemClock } from '#core/platform/context.ts'
import { openReadLane } from '#core/platform/database/read-lane.ts'
import { refuseInsideTransaction } from '#core/platform/database/scope.ts'
import type { InnerHttp, InnerReply } from '#core/platform/inner-http.ts'
import { wasUnsent } from '#core/platform/was-unsent.ts'
import { Books } from '#core/wire/audit.ts'
import * as wire from '#core/wire/teg.ts'
import { type Attempt, makeSender, unavailable } from './send-commands.ts'
import type { TegCall, TegClient } from './teg-client.ts'
import { type After, makeWatch } from './watch-silence.ts'

export interface TegClientOptions {
  readonly token: string
  readonly newId: () => string
  /** The TEG of this process. */
  readonly fetch?: (request: Request) => Response | Promise<Response>
  /** Where the TEG stands for `fetch`; of no weight in process. */
  readonly baseUrl?: string
  /** A TEG on the network, instead of `fetch`. */
  readonly http?: InnerHttp
  /** The pause between two attempts of a batch (tests). */
  readonly wait?: (ms: number) => Promise<unknown>
  /** The clock by which an answer is overdue (tests). */
  readonly after?: After
}

/** Tells the TEG how many milliseconds its answer is waited for: what nobody waits for is not begun. */
const TIMEOUT_HEADER = 'x-timeout-ms'

export function openTegClient(options: TegClientOptions): TegClient {
  const exchange = options.http?.send ?? overFetch(options)
  const request = (path: string, call: TegCall, body?: string, apart = false): Promise<InnerReply> => {
    const leftMs =
      call.deadline === undefined ? null : Math.max(0, Math.ceil(call.deadline - performance.now()))
    return exchange({
      method: body === undefined ? 'GET' : 'POST',
      path,
      body,
      apart,
      signal: call.signal,
      headers: {
        authorization: `Bearer ${options.token}`,
        'x-request-id': call.requestId,
        ...(leftMs === null ? {} : { [TIMEOUT_HEADER]: String(leftMs) }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    })
  }

  const attempt = async (path: string, body: string, call: TegCall): Promise<Attempt> => {
    try {
      const { status, text } = await request(path, call, body)
      if (status === 200) return { kind: 'reply', body: JSON.parse(text) }
      const code = codeOf(text)
      if (code === 'overloaded' || code === 'shutting_down')
        return {
          kind: 'unsent',
          problem: unavailable('The ledger takes nothing more at this moment; nothing was done.'),
        }
      if (status >= 500) return { kind: 'unknown', cause: new Error(`The TEG answered ${code}`) }
      // The TEG refused the whole batch: a fault of ours in one of its commands, and nothing was done.
      const cause = new Error(`The TEG answered ${status} ${code}`)
      return { kind: 'refused', problem: failCommon('internal_error', undefined, { cause }) }
    } catch (error) {
      if (wasUnsent(error))
        return {
          kind: 'unsent',
          problem: unavailable('The ledger cannot be reached; nothing was done.', error),
        }
      return { kind: 'unknown', cause: error }
    }
  }
  /** Whether it lives is asked over a connection of its own: behind reads that wait for a slow database it would seem silent. */
  const ping = async (call: TegCall, path: '/livez' | '/readyz'): Promise<boolean> => {
    try {
      return (await request(path, call, undefined, path === '/livez')).status === 200
    } catch {
      return false
    }
  }
  const watch = makeWatch((signal) => ping({ requestId: options.newId(), signal }, '/livez'), options.after)
  const send = makeSender(attempt, watch, options.wait)

  /** A read: null for 404; a Problem of the TEG's own 4xx is passed on (a bad cursor, rates out of bounds). */
  const ask = async <S extends z.ZodType>(
    call: TegCall,
    path: string,
    shape: S,
    body?: unknown,
  ): Promise<z.output<S> | null> => {
    refuseInsideTransaction('A call to the TEG')
    const text = body === undefined ? undefined : JSON.stringify(body)
    let reply: InnerReply
    try {
      reply = await request(path, call, text)
    } catch (error) {
      throw unavailable('The ledger did not answer.', error)
    }
    if (reply.status === 404) return null
    if (reply.status >= 500)
      throw unavailable('The ledger could not answer.', new Error(`The TEG answered ${codeOf(reply.text)}`))
    const json = parseJson(reply.text)
    if (json === undefined) throw unavailable('The answer of the ledger could not be read.')
    if (reply.status !== 200) throw passOn(json)
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

  // Those who wait for a sum over all accounts must not take the connections that commands travel on: one is enough.
  const supply = openReadLane({ clock: systemClock }).share((signal) =>
    sure({ requestId: options.newId(), signal }, '/supply', wire.Supply),
  )

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
    redemption: (call, id) => ask(call, `/payments/${id}/redemption`, wire.Redemption),
    payments: (call, query) => sure(call, '/payments/search', wire.PaymentPage, query),
    expiredPayments: (call, limit) =>
      sure(call, `/payments/expired${search({ limit })}`, wire.ExpiredPayments),
    async supply(call) {
      refuseInsideTransaction('A call to the TEG')
      return supply(call.signal)
    },
    supplyChange: async (call, order) =>
      (await sure(call, '/supply-changes/search', wire.SupplyChangeFound, order)).supply_change,
    minting: (call) => ask(call, '/minting', wire.Minting),
    treasury: (call) => sure(call, '/treasury', wire.Treasury),
    fees: (call) => sure(call, '/fees', wire.FeeSnapshot),
    feeRecords: (call, query) => sure(call, `/fees/records${search({ ...query })}`, wire.FeePage),
    postFees: (call, posting) => sure(call, '/fees', wire.FeeSnapshot, posting),
    outbox: (call, after, limit) => sure(call, `/outbox${search({ after, limit })}`, wire.OutboxPage),
    postings: (call, query) => sure(call, `/postings${search({ ...query })}`, wire.PostingPage),
    books: (call, after) => sure(call, `/books${search({ after })}`, Books),
    ping(call) {
      refuseInsideTransaction('A call to the TEG')
      return ping(call, '/readyz')
    },
  }
}

/** The query of an address without its absent fields. */
function search(fields: Record<string, string | number | undefined>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, String(value))
  return query.size > 0 ? `?${query}` : ''
}

/** The same exchange with an application of this process. */
function overFetch({ fetch, baseUrl }: TegClientOptions): InnerHttp['send'] {
  if (!fetch) throw new Error('A TEG client needs a TEG in its process or on the network')
  const base = (baseUrl ?? 'http://teg').replace(/\/$/, '')
  return async ({ path, body, signal, method, headers }) => {
    const request = new Request(base + path, { method, body: body ?? null, signal, headers })
    const response = await untilAbort(fetch(request), signal)
    return { status: response.status, text: await untilAbort(response.text(), signal) }
  }
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
