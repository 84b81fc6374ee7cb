/** Answers one request of one row: caller, limits, shapes, the row's own work, the reply. */
import type { Caller } from '#core/base/caller.ts'
import { fail, type Problem } from '#core/base/errors.ts'
import { Reply } from '#core/base/reply.ts'
import type { Context } from '#core/platform/context.ts'
import { admit } from './admit-caller.ts'
import {
  type Call,
  type FunctionGroup,
  idempotencyOf,
  type RequestFacts,
  type Row,
} from './define-function.ts'
import { countRequest } from './limit-rate.ts'
import { type CallPorts, type OpenCall, openCall } from './open-call.ts'
import { type ReadRequest, readRequest } from './read-request.ts'
import { replyProblem, toProblem } from './reply-problem.ts'

/** Never throws and never rejects. */
export type Answerer = (
  request: Request,
  path: string,
  pathParams: Record<string, string>,
  facts: RequestFacts,
) => Response | Promise<Response>

interface Count {
  count: number
}

interface Asked {
  readonly request: Request
  readonly path: string
  readonly search: string
  readonly pathParams: Record<string, string>
  readonly header: (name: string) => string | undefined
  readonly facts: RequestFacts
}

/**
 * The answerer of a row.
 * @param counts requests at work: the application's, then the function's, which is limited
 */
export function makeAnswerer<C extends Context>(
  ports: CallPorts<C>,
  group: FunctionGroup<C>,
  row: Row<C>,
  route: string,
  counts: readonly [Count, Count],
): Answerer {
  return (request, path, pathParams, facts) => {
    for (const one of counts) one.count++
    const header = facts.header ?? ((name: string) => request.headers.get(name) ?? undefined)
    const call = openCall(ports, group, row, route, facts, header)
    const end = (response: Response) => {
      for (const one of counts) one.count--
      return response
    }
    const refuse = (error: unknown) => {
      const problem = toProblem(error, call.signal())
      return end(call.close(problem.status, problemReply(row, call, problem, path), problem))
    }
    try {
      if (ports.draining()) throw fail('shutting_down', undefined, { headers: { 'retry-after': '1' } })
      if (counts[1].count > group.concurrency) throw overloaded(group)
      const { url } = request
      const mark = url.indexOf('?')
      const search = mark < 0 ? '' : url.slice(mark)
      const answered = answer(ports, group, row, call, { request, path, search, pathParams, header, facts })
      if (answered instanceof Response) return end(call.close(0, answered))
      // All of it is bounded: a slow body and a look-up that hangs as well as the work.
      return call.untilDeadline(answered).then((response) => end(call.close(0, response)), refuse)
    } catch (error) {
      return refuse(error)
    }
  }
}

const overloaded = <C>(group: FunctionGroup<C>) =>
  fail('overloaded', `${group.concurrency} requests of ${group.tag} are being worked on; nothing was done.`, {
    headers: { 'retry-after': '1' },
    extra: { limit: 'concurrency', function: group.tag },
  })

function problemReply<C>(row: Row<C>, call: OpenCall<C>, problem: Problem, path: string): Response {
  return replyProblem(problem, call.requestId, path, row.spec.errorStyle ?? 'problem', call.headers)
}

/** What a row is given; its context is made when the row asks for it. A class, because a literal with a getter is slow. */
class RowCall<C> implements Call<C, never, never, never> {
  readonly #entered: { ctx: () => C }
  readonly caller: Caller
  readonly params: never
  readonly query: never
  readonly body: never
  readonly header: (name: string) => string | undefined
  readonly request: Request
  readonly #facts: RequestFacts

  constructor(
    entered: { ctx: () => C },
    caller: Caller,
    read: ReadRequest,
    header: (name: string) => string | undefined,
    request: Request,
    facts: RequestFacts,
  ) {
    this.#entered = entered
    this.caller = caller
    this.params = read.params as never
    this.query = read.query as never
    this.body = read.body as never
    this.header = header
    this.request = request
    this.#facts = facts
  }

  get ctx(): C {
    return this.#entered.ctx()
  }

  get address(): string {
    return this.#facts.address
  }
}

/** Goes on at once with a value that is there, and later with one that is promised: what waits for nothing costs no turn. */
function after<T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

function answer<C extends Context>(
  ports: CallPorts<C>,
  group: FunctionGroup<C>,
  row: Row<C>,
  call: OpenCall<C>,
  asked: Asked,
): Response | Promise<Response> {
  const { spec } = row
  const { request, path, search, header, facts } = asked
  return after(call.authenticate(request), (caller) => {
    const { tierOf, coordination } = ports
    const isCounted = !spec.uncounted && tierOf
    const counted = isCounted ? countRequest(coordination, tierOf, caller, facts.address, call.headers) : null
    return after(counted, (excess) => {
      const refusal = excess ?? admit(spec.callers, spec.scope, caller)
      if (refusal) throw refusal
      const limit = group.bodyLimitBytes
      return after(
        readRequest(row as Row<never>, request, asked.pathParams, search, header, limit),
        (read) => {
          const key = readKey(row, header)
          const entered = call.enter(caller, key, { method: row.method, path, search, raw: read.raw })
          const work = row.run(new RowCall(entered, caller, read, header, request, facts))
          return after(work, (result) => toResponse(row, result, call.headers, entered.replayed()))
        },
      )
    })
  })
}

/** The Idempotency-Key of a request: required where the gate keeps it. */
function readKey<C>(row: Row<C>, header: (name: string) => string | undefined): string | null {
  const use = idempotencyOf(row)
  if (use === 'none') return null
  const key = header('idempotency-key')
  if (key === undefined || key === '') {
    if (use === 'gate') throw fail('idempotency_key_required')
    return null
  }
  if (!/^[\x21-\x7e]{1,128}$/.test(key))
    throw fail('validation_failed', 'Idempotency-Key must be 1 to 128 visible ASCII characters.', {
      errors: [
        { pointer: 'header:Idempotency-Key', code: 'malformed', detail: '1 to 128 visible ASCII characters' },
      ],
    })
  return key
}

function toResponse<C>(
  row: Row<C>,
  result: unknown,
  headers: Record<string, string>,
  replayed: boolean,
): Response {
  if (result instanceof Response) {
    for (const [name, value] of Object.entries(headers)) result.headers.set(name, value)
    return result
  }
  const reply = result instanceof Reply ? result : null
  const body = reply ? reply.body : result
  const status = reply?.options.status ?? row.spec.status ?? (row.spec.reply ? 200 : 204)
  if (reply?.options.replayed || replayed) headers['idempotency-replayed'] = 'true'
  if (row.spec.location && (status === 201 || status === 202))
    headers.location = row.spec.location(body as never)
  headers['cache-control'] = 'no-store'
  Object.assign(headers, reply?.options.headers)
  if (status === 204 || status === 304) return new Response(null, { status, headers })
  headers['content-type'] ??= 'application/json'
  return new Response(JSON.stringify(body), { status, headers })
}
