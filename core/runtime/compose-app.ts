/** Makes one web-standard application of a service's functions. It never learns where it runs. */
import { Hono } from 'hono'
import { fail, type Problem } from '#core/base/errors.ts'
import { requestIdMaker } from '#core/base/ids.ts'
import type { Context } from '#core/platform/context.ts'
import { type Answerer, makeAnswerer } from './answer-request.ts'
import type { Door, FunctionGroup, Method, RequestFacts } from './define-function.ts'
import { type CallPorts, requestIdOf } from './open-call.ts'
import { replyProblem } from './reply-problem.ts'

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

/** Pages and documents beside the functions: the reply, or null for every other path. */
export type Pages = (request: Request, path: string) => Response | null

const noParams: Record<string, string> = {}
const noFacts: RequestFacts = { address: '0.0.0.0' }

/** Composes the application of the mounted functions. */
export function composeApp<C extends Context>(
  mounted: readonly Mounted<C>[],
  ports: CallPorts<C>,
  pages: Pages = () => null,
  /** Paths that stand elsewhere: whoever misses one by a slip is told. */
  isElsewhere: (path: string) => boolean = () => false,
): App {
  const hono = new Hono<{ Bindings: RequestFacts }>()
  const methods = new Map<string, Set<string>>()
  const literal = new Map<string, Record<string, Answerer>>()
  const open = new Set<string>()
  const total = { count: 0 }
  const newRequestId = requestIdMaker(ports.resources.random)
  for (const { prefix, group } of mounted) {
    const load = { count: 0 }
    for (const row of group.rows) {
      const path = pathOf(prefix, row.path)
      const method = row.method.toUpperCase()
      const answerer = makeAnswerer(ports, group, row, path, total, load, newRequestId)
      methods.set(path, (methods.get(path) ?? new Set()).add(method))
      if (row.spec.cors) open.add(path)
      if (path.includes(':'))
        hono.on(method, path, (c) => answerer(c.req.raw, c.req.path, c.req.param(), c.env ?? noFacts))
      else {
        hono.on(method, path, (c) => answerer(c.req.raw, c.req.path, noParams, c.env ?? noFacts))
        literal.set(path, { ...literal.get(path), [method]: answerer })
      }
    }
  }
  const allowedAt = (path: string) => {
    const allowed = [...(methods.get(path) ?? [])]
    return [...allowed, ...(allowed.includes('GET') ? ['HEAD'] : [])]
  }
  const refuseMethod = (request: Request, path: string) => {
    const allow = allowedAt(path).join(', ')
    const problem = fail('method_not_allowed', `Allowed here: ${allow}.`, { headers: { allow } })
    return strayReply(request, problem, newRequestId)
  }
  for (const path of methods.keys()) {
    if (open.has(path)) hono.options(path, () => preflight(allowedAt(path).join(', ')))
    hono.all(path, (c) => refuseMethod(c.req.raw, path))
  }
  hono.notFound((c) =>
    strayReply(
      c.req.raw,
      fail(
        'not_found',
        nowhere(c.req.path, (path) => methods.has(path) || isElsewhere(path)),
      ),
      newRequestId,
    ),
  )
  return {
    fetch(request, facts) {
      // A literal path needs no router: it is always the more special one, and one look-up costs a tenth of a walk.
      const path = pathIn(request.url)
      const answerers: Record<string, Answerer> | undefined = literal.get(path)
      const answerer = answerers?.[request.method]
      if (answerer) return answerer(request, path, noParams, facts)
      // Nor is it a value of another row's parameter: GET /transfers/batch asks for no transfer of that id.
      if (answerers && request.method !== 'OPTIONS' && !allowedAt(path).includes(request.method))
        return refuseMethod(request, path)
      return pages(request, path) ?? hono.fetch(request, facts)
    },
    inFlight: () => total.count,
  }
}

/** The path of an absolute address, as it is written (a tenth of the cost of a URL object). */
export function pathIn(url: string): string {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  if (start < 0) return '/'
  const mark = url.indexOf('?', start)
  return mark < 0 ? url.slice(start) : url.slice(start, mark)
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

function strayReply(request: Request, problem: Problem, newId: () => string): Response {
  const requestId = requestIdOf(request.headers.get('x-request-id'), newId)
  return replyProblem(problem, requestId, new URL(request.url).pathname, 'problem', {
    'x-request-id': requestId,
  })
}

export type { Method }
