/** Makes one web-standard application of a service's functions. It never learns where it runs. */
import { Hono } from 'hono'
import { fail, type Problem } from '#core/base/errors.ts'
import { Reply } from '#core/base/reply.ts'
import type { Context } from '#core/platform/context.ts'
import { admit } from './admit-caller.ts'
import {
  type Door,
  type FunctionGroup,
  idempotencyOf,
  type Method,
  type RequestFacts,
  type Row,
} from './define-function.ts'
import { countRequest } from './limit-rate.ts'
import { type CallPorts, type OpenCall, openCall, requestIdOf } from './open-call.ts'
import { readRequest } from './read-request.ts'
import { replyProblem, toProblem } from './reply-problem.ts'

/** A loaded line of the doors. */
export interface Mounted<C> {
  readonly prefix: string
  readonly group: FunctionGroup<C>
}

export interface App {
  /** Answers a request; never rejects. */
  fetch(request: Request, facts: RequestFacts): Response | Promise<Response>
  /** Requests at work now. */
  inFlight(): number
}

/** Loads the doors of one service, in the table's order. */
export async function loadDoors<C>(
  doors: Readonly<Record<string, Door<C>>>,
  service: string,
): Promise<Mounted<C>[]> {
  const chosen = Object.values(doors).filter((door) => door.service === service)
  return Promise.all(
    chosen.map(async (door) => ({ prefix: door.prefix, group: (await door.load()).default })),
  )
}

/** The full path of a row under its door, in the router's syntax. */
export const pathOf = (prefix: string, path: string): string => `${prefix}${path === '/' ? '' : path}` || '/'

const noFacts: RequestFacts = { address: '0.0.0.0' }

/** Composes the application of the mounted functions. */
export function composeApp<C extends Context>(mounted: readonly Mounted<C>[], ports: CallPorts<C>): App {
  const hono = new Hono<{ Bindings: RequestFacts }>()
  const methods = new Map<string, Set<string>>()
  const open = new Set<string>()
  let total = 0
  for (const { prefix, group } of mounted) {
    const load = { count: 0 }
    for (const row of group.rows) {
      const path = pathOf(prefix, row.path)
      const named = path.includes(':')
      methods.set(path, (methods.get(path) ?? new Set()).add(row.method.toUpperCase()))
      if (row.spec.cors) open.add(path)
      hono.on(row.method.toUpperCase(), path, async (c) => {
        total++
        load.count++
        const facts = c.env ?? noFacts
        const header = facts.header ?? ((name: string) => c.req.raw.headers.get(name) ?? undefined)
        const call = openCall(ports, group, row, path, facts, header)
        try {
          if (ports.draining()) throw fail('shutting_down', undefined, { headers: { 'retry-after': '1' } })
          if (load.count > group.concurrency) throw overloaded(group)
          const url = c.req.url
          const mark = url.indexOf('?')
          const search = mark < 0 ? '' : url.slice(mark)
          const answered = answer(
            ports,
            group,
            row,
            call,
            c.req.raw,
            c.req.path,
            search,
            named ? c.req.param() : {},
            header,
            facts,
          )
          // All of it is bounded: a slow body and a look-up that hangs as well as the work.
          return call.close(0, await call.untilDeadline(answered))
        } catch (error) {
          const problem = toProblem(error, call.signal)
          return call.close(problem.status, problemReply(row, call, problem, c.req.path), problem)
        } finally {
          total--
          load.count--
        }
      })
    }
  }
  for (const [path, allowed] of methods) {
    const allow = [...allowed, ...(allowed.has('GET') ? ['HEAD'] : [])].join(', ')
    if (open.has(path)) hono.options(path, () => preflight(allow))
    hono.all(path, (c) =>
      strayReply(
        c.req.raw,
        fail('method_not_allowed', `Allowed here: ${allow}.`, { headers: { allow } }),
        ports.newId,
      ),
    )
  }
  hono.notFound((c) =>
    strayReply(
      c.req.raw,
      fail(
        'not_found',
        nowhere(c.req.path, (path) => methods.has(path)),
      ),
      ports.newId,
    ),
  )
  return {
    fetch: (request, facts) => hono.fetch(request, facts),
    inFlight: () => total,
  }
}

/** Words for a path without route: the likely slips are told. */
function nowhere(path: string, has: (path: string) => boolean): string {
  const tidy = path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1')
  const meant = [tidy, tidy.toLowerCase(), `/api/v1${tidy}`].find(has)
  return `There is no route ${path}.${meant ? ` Did you mean ${meant}?` : ''}`
}

/** Tells a browser that any page may call this address with the headers it wants; no credential is involved. */
const preflight = (allow: string): Response =>
  new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': allow,
      'access-control-allow-headers': '*',
      'access-control-max-age': '86400',
    },
  })

const overloaded = <C>(group: FunctionGroup<C>) =>
  fail('overloaded', `${group.concurrency} requests of ${group.tag} are being worked on; nothing was done.`, {
    headers: { 'retry-after': '1' },
    extra: { limit: 'concurrency', function: group.tag },
  })

function problemReply<C>(row: Row<C>, call: OpenCall<C>, problem: Problem, path: string): Response {
  return replyProblem(problem, call.requestId, path, row.spec.errorStyle ?? 'problem', call.headers)
}

function strayReply(request: Request, problem: Problem, newId: () => string): Response {
  const requestId = requestIdOf(request.headers.get('x-request-id'), newId)
  return replyProblem(problem, requestId, new URL(request.url).pathname, 'problem', {
    'x-request-id': requestId,
  })
}

async function answer<C extends Context>(
  ports: CallPorts<C>,
  group: FunctionGroup<C>,
  row: Row<C>,
  call: OpenCall<C>,
  request: Request,
  path: string,
  search: string,
  pathParams: Record<string, string>,
  header: (name: string) => string | undefined,
  facts: RequestFacts,
): Promise<Response> {
  const { spec } = row
  const caller = await call.authenticate(request)
  if (!spec.uncounted && ports.tierOf) {
    const refusal = await countRequest(ports.coordination, ports.tierOf, caller, facts.address, call.headers)
    if (refusal) throw refusal
  }
  const refusal = admit(spec.callers, spec.scope, caller)
  if (refusal) throw refusal
  const read = await readRequest(row as Row<never>, request, pathParams, search, header, group.bodyLimitBytes)
  const key = readKey(row, header)
  const { ctx, once } = call.enter(caller, key, { method: row.method, path, search, raw: read.raw })
  const result = await row.run({
    ctx,
    caller,
    params: read.params as never,
    query: read.query as never,
    body: read.body as never,
    header,
    request,
    address: facts.address,
  })
  return toResponse(row, result, call.headers, once())
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

export type { Method }
