/** One call from open to close: request id, deadline, caller, context, metrics. */
import { type Caller, principalOf } from '#core/base/caller.ts'
import { fail, type Problem } from '#core/base/errors.ts'
import { type Context, idMaker, type Resources } from '#core/platform/context.ts'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import type { IdempotencyStore } from '#core/platform/idempotency.ts'
import { type FunctionGroup, idempotencyOf, type RequestFacts, type Row } from './define-function.ts'
import { hashRequest, makeOnce, type Once } from './keep-once.ts'
import type { TierOf } from './limit-rate.ts'

/** What the host hands in. */
export interface CallPorts<C extends Context> {
  readonly resources: Resources
  readonly coordination: Coordination
  readonly newId: () => string
  /** The caller of a bearer token; null when it is bad. */
  authenticate(ctx: C, token: string, request: Request): Promise<Caller | null>
  /** Adds the service's own resources to a context. */
  contextOf(base: Context): C
  readonly tierOf: TierOf | null
  readonly idempotency: IdempotencyStore | null
  observe(measure: { tag: string; method: string; route: string; status: number; seconds: number }): void
  draining(): boolean
}

export interface OpenCall<C> {
  readonly requestId: string
  /** Headers of the reply, written before the Response is made (a finished Response is expensive to change). */
  readonly headers: Record<string, string>
  /** Aborted at the deadline and when the client goes away; undefined while nothing has waited or asked for it. */
  readonly signal: () => AbortSignal | undefined
  /** The caller: at once without a credential. */
  authenticate(request: Request): Caller | Promise<Caller>
  enter(
    caller: Caller,
    key: string | null,
    asked: { method: string; path: string; search: string; raw: unknown },
  ): { ctx: () => C; replayed: () => boolean }
  /** The work's result, or why it was given up (deadline, client gone) when that comes first; the signal has told the work. */
  untilDeadline<T>(work: Promise<T>): Promise<T>
  close(status: number, response: Response, problem?: Problem): Response
}

/** How long after the deadline the work may still say how it ended. */
const LAST_WORDS_MS = 100

/** The client closed the connection before its answer: nobody reads one, and nothing of ours has failed. */
class ClientGone extends Error {}
/** What metrics and log call such a request (nginx's number). */
const CLIENT_GONE_STATUS = 499

const anonymous: Caller = { kind: 'anonymous' }

const timedOut = <C>(group: FunctionGroup<C>, timeoutMs: number) => {
  const seconds = timeoutMs / 1000
  return fail('timed_out', `${group.tag} allows ${seconds} s; repeat with the same Idempotency-Key.`, {
    extra: { limit: 'timeout', timeout_seconds: seconds },
  })
}

/** The time of a call: the function's, or less where a service of ours says how long it waits. */
function timeoutOf<C>(group: FunctionGroup<C>, header: (name: string) => string | undefined): number {
  const own = group.timeoutSeconds * 1000
  const asked = group.heedsTimeout ? header('x-timeout-ms') : undefined
  return asked !== undefined && /^\d{1,9}$/.test(asked) ? Math.min(own, Number(asked)) : own
}

/** The id that the client gave, where it is fit for a log, or a new one. */
export const requestIdOf = (given: string | null | undefined, newId: () => string): string =>
  given && /^[A-Za-z0-9._:-]{1,128}$/.test(given) ? given : newId()

/** Ports of a service from its resources. */
export function openCall<C extends Context>(
  ports: CallPorts<C>,
  group: FunctionGroup<C>,
  row: Row<C>,
  route: string,
  facts: RequestFacts,
  header: (name: string) => string | undefined,
): OpenCall<C> {
  const started = performance.now()
  const requestId = requestIdOf(header('x-request-id'), ports.newId)
  const timeoutMs = timeoutOf(group, header)
  // Made when something waits or a row asks for its context: a row that answers at once is spared timer and signal.
  let held: { controller: AbortController; timer: NodeJS.Timeout } | undefined
  const hold = (): AbortController => {
    if (held) return held.controller
    const controller = new AbortController()
    const leftMs = timeoutMs - (performance.now() - started)
    const timer = setTimeout(() => controller.abort(timedOut(group, timeoutMs)), Math.max(0, leftMs))
    held = { controller, timer }
    facts.onClose?.(() => controller.abort(new ClientGone('The client went away')))
    return controller
  }
  const headers: Record<string, string> = { 'x-request-id': requestId, 'x-content-type-options': 'nosniff' }
  if (row.spec.cors) {
    headers['access-control-allow-origin'] = '*'
    headers['access-control-expose-headers'] = 'ETag, X-Request-Id'
  }

  const contextFor = (caller: Caller, key: string | null, once: Context['once']): C => {
    const { signal } = hold()
    return ports.contextOf({
      ...ports.resources,
      db: ports.resources.db.bound(signal),
      log: ports.resources.log.with({ request_id: requestId, function: group.tag }),
      time: ports.resources.clock.fixed,
      caller,
      requestId,
      signal,
      deadline: started + timeoutMs,
      newId: idMaker(ports.resources.clock, ports.resources.random),
      idempotencyKey: key,
      once,
    })
  }

  return {
    requestId,
    headers,
    signal: () => held?.controller.signal,
    authenticate(request) {
      const authorization = header('authorization')
      if (authorization === undefined) return anonymous
      const token = /^Bearer +([^\s]{1,4096})$/i.exec(authorization)?.[1]
      if (token === undefined) {
        if (row.spec.errorStyle === 'oauth') return anonymous
        throw fail('unauthenticated', 'The header must read "Authorization: Bearer <key or access token>".')
      }
      const ctx = contextFor(anonymous, null, (work) => ports.resources.db.transaction(work))
      return ports.authenticate(ctx, token, request).then((caller) => {
        if (caller) return caller
        throw fail('unauthenticated', 'The credential is unknown, expired or revoked.')
      })
    },
    enter(caller, key, asked) {
      // Nobody waits any more: what has not begun is not begun.
      if (performance.now() - started >= timeoutMs) throw timedOut(group, timeoutMs)
      let made: { ctx: C; once: Once } | undefined
      const make = () => {
        const claim =
          key === null
            ? null
            : {
                principal: principalOf(caller) ?? `address:${facts.address}`,
                key,
                hash: () => hashRequest(asked.method, asked.path, asked.search, asked.raw),
                time: ports.resources.clock.fixed,
              }
        const useStore = idempotencyOf(row) === 'record'
        const once = makeOnce(() => ctx.db, useStore ? ports.idempotency : null, claim)
        const ctx: C = contextFor(caller, key, once.run)
        made = { ctx, once }
        return made
      }
      return { ctx: () => (made ?? make()).ctx, replayed: () => made?.once.replayed() ?? false }
    },
    untilDeadline(work) {
      const controller = hold()
      return new Promise((resolve, reject) => {
        // The work has been told by the signal: its own words ("outcome_unknown") are better than ours, if they come.
        const onAbort = () => setTimeout(() => reject(controller.signal.reason), LAST_WORDS_MS)
        if (controller.signal.aborted) onAbort()
        else controller.signal.addEventListener('abort', onAbort, { once: true })
        // Also when it comes too late: a failure that nobody hears would be an unhandled rejection.
        work.then(resolve, reject)
      })
    },
    close(status, response, problem) {
      if (held) clearTimeout(held.timer)
      const wasLeft = problem !== undefined && held?.controller.signal.reason instanceof ClientGone
      const final = wasLeft ? CLIENT_GONE_STATUS : status || response.status
      const seconds = (performance.now() - started) / 1000
      ports.observe({ tag: group.tag, method: row.method, route, status: final, seconds })
      const { log } = ports.resources
      if (final < 500 && !log.isDebug) return response
      const fields = {
        request_id: requestId,
        function: group.tag,
        method: row.method,
        route,
        status: final,
        duration_ms: Math.round(seconds * 1000),
        ...(problem ? { code: problem.code } : {}),
      }
      if (final >= 500) log.error({ ...fields, error: problem?.cause ?? problem }, 'request failed')
      else log.debug(fields, 'request')
      return response
    },
  }
}
