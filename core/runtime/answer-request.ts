/** Answers one request of one row: caller, limits, shapes, the row's own work, the reply. */
import type { Caller } from '#core/base/caller.ts'
import { fail, Problem } from '#core/base/errors.ts'
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
import type { Once } from './keep-once.ts'
import { countRequest } from './limit-rate.ts'
import { anonymous, type CallPorts, OpenCall } from './open-call.ts'
import { hasNoBody, type ReadRequest, readRequest, readWithBody } from './read-request.ts'
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

interface Incoming {
  readonly request: Request
  readonly path: string
  readonly search: string
  readonly pathParams: Record<string, string>
  readonly header: (name: string) => string | undefined
  readonly facts: RequestFacts
}

/**
 * The answerer of a row.
 * @param total requests at work in the application
 * @param load those of the function, which are limited
 */
export function makeAnswerer<C extends Context>(
  ports: CallPorts<C>,
  group: FunctionGroup<C>,
  row: Row<C>,
  route: string,
  total: Count,
  load: Count,
  newRequestId: () => string,
): Answerer {
  const { spec } = row
  // Such a request may be answered in the turn in which it came: nothing of it is looked up, counted or read.
  const isBare = row.method === 'get' && spec.callers === 'public' && (spec.uncounted || !ports.tierOf)
  const end = (response: Response) => {
    total.count--
    load.count--
    return response
  }
  return (request, path, pathParams, facts) => {
    total.count++
    load.count++
    const header = facts.header ?? ((name: string) => request.headers.get(name) ?? undefined)
    const call = new OpenCall(ports, group, row, route, facts, header, newRequestId)
    const refuse = (error: unknown) => {
      const problem = toProblem(error, call.signal, row.method !== 'get')
      const style = spec.errorStyle ?? 'problem'
      return end(call.close(replyProblem(problem, call.requestId, path, style, call.headers), problem))
    }
    try {
      if (ports.draining()) throw fail('shutting_down', undefined, { headers: { 'retry-after': '1' } })
      if (load.count > group.concurrency) throw overloaded(group)
      const { url } = request
      const mark = url.indexOf('?')
      const search = mark < 0 ? '' : url.slice(mark)
      const incoming: Incoming = { request, path, search, pathParams, header, facts }
      const answered =
        isBare && header('authorization') === undefined
          ? work(row, call, incoming, anonymous, readRequest(row as Row<never>, pathParams, search))
          : answer(ports, group, row, call, incoming)
      if (!(answered instanceof Promise)) return end(call.close(answered))
      // All of it is bounded: a slow body and a look-up that hangs as well as the work.
      return call.untilDeadline(answered).then((response) => end(call.close(response)), refuse)
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

/** What a row is given; its context is made when the row asks for it. A class, because a literal with a getter is slow. */
class RowCall<C extends Context> implements Call<C, never, never, never> {
  readonly caller: Caller
  readonly params: never
  readonly query: never
  readonly body: never
  private entered: { ctx: C; once: Once } | undefined
  private readonly call: OpenCall<C>
  private readonly row: Row<C>
  private readonly incoming: Incoming
  private readonly raw: unknown

  constructor(call: OpenCall<C>, row: Row<C>, incoming: Incoming, caller: Caller, read: ReadRequest) {
    this.call = call
    this.row = row
    this.incoming = incoming
    this.caller = caller
    this.params = read.params as never
    this.query = read.query as never
    this.body = read.body as never
    this.raw = read.raw
  }

  get ctx(): C {
    if (this.entered) return this.entered.ctx
    const { method } = this.row
    const { path, search, header } = this.incoming
    const key = readKey(this.row, header)
    this.entered = this.call.enter(this.caller, key, { method, path, search, raw: this.raw })
    return this.entered.ctx
  }

  get header(): (name: string) => string | undefined {
    return this.incoming.header
  }

  get request(): Request {
    return this.incoming.request
  }

  get address(): string {
    return this.incoming.facts.address
  }

  /** True when the reply is a recorded one. */
  wasReplayed(): boolean {
    return this.entered?.once.replayed() ?? false
  }
}

async function answer<C extends Context>(
  ports: CallPorts<C>,
  group: FunctionGroup<C>,
  row: Row<C>,
  call: OpenCall<C>,
  incoming: Incoming,
): Promise<Response> {
  const { spec } = row
  const { request, search, pathParams, header, facts } = incoming
  const { tierOf, coordination } = ports
  const count = (caller: Caller) =>
    spec.uncounted || !tierOf ? null : countRequest(coordination, tierOf, caller, facts.address, call.headers)
  let caller: Caller
  try {
    caller = await call.authenticate(request)
  } catch (error) {
    // A bad credential is nobody's: it counts for the address, or keys could be guessed without an end.
    const isBad = error instanceof Problem && error.code === 'unauthenticated'
    throw (isBad && (await count(anonymous))) || error
  }
  const excess = count(caller)
  const refusal = (excess && (await excess)) ?? admit(spec.callers, spec.scope, caller)
  if (refusal) throw refusal
  const bare = row as Row<never>
  const read = hasNoBody(bare)
    ? readRequest(bare, pathParams, search)
    : await readWithBody(bare, request, pathParams, search, header, group.bodyLimitBytes)
  readKey(row, header)
  call.refuseWhenLate()
  return work(row, call, incoming, caller, read)
}

/** Runs the row and makes its reply. */
function work<C extends Context>(
  row: Row<C>,
  call: OpenCall<C>,
  incoming: Incoming,
  caller: Caller,
  read: ReadRequest,
): Response | Promise<Response> {
  const rowCall = new RowCall(call, row, incoming, caller, read)
  const result = row.run(rowCall)
  if (!(result instanceof Promise)) return toResponse(row, result, call.headers, rowCall.wasReplayed())
  return result.then((value) => toResponse(row, value, call.headers, rowCall.wasReplayed()))
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
