/** One call from open to close: request id, deadline, caller, context, metrics. */
import { type Caller, type PeerCaller, principalOf } from '#core/base/caller.ts'
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
  /** Refuses a peer that its certificate lets in; absent: whoever the certificate names. */
  admitPeer?(ctx: C, peer: PeerCaller): Promise<void>
  /** Adds the service's own resources to a context. */
  contextOf(base: Context): C
  readonly tierOf: TierOf | null
  readonly idempotency: IdempotencyStore | null
  observe(measure: { tag: string; method: string; route: string; status: number; seconds: number }): void
  draining(): boolean
}

/** How long after the deadline the work may still say how it ended. */
const LAST_WORDS_MS = 100

/** The client closed the connection before its answer: nobody reads one, and nothing of ours has failed. */
class ClientGone extends Error {}
/** What metrics and log call such a request (nginx's number). */
const CLIENT_GONE_STATUS = 499

export const anonymous: Caller = { kind: 'anonymous' }

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

/** One call, open until `close`. A class: an object of closures costs a short request a tenth of its time. */
export class OpenCall<C extends Context> {
  readonly requestId: string
  /** Headers of the reply, written before the Response is made (a finished Response is expensive to change). */
  readonly headers: Record<string, string>
  private readonly started = performance.now()
  private readonly timeoutMs: number
  private held: { controller: AbortController; timer: NodeJS.Timeout } | undefined
  private readonly ports: CallPorts<C>
  private readonly group: FunctionGroup<C>
  private readonly row: Row<C>
  private readonly route: string
  private readonly facts: RequestFacts
  private readonly header: (name: string) => string | undefined

  constructor(
    ports: CallPorts<C>,
    group: FunctionGroup<C>,
    row: Row<C>,
    route: string,
    facts: RequestFacts,
    header: (name: string) => string | undefined,
    newRequestId: () => string,
  ) {
    this.ports = ports
    this.group = group
    this.row = row
    this.route = route
    this.facts = facts
    this.header = header
    this.timeoutMs = timeoutOf(group, header)
    this.requestId = requestIdOf(header('x-request-id'), newRequestId)
    this.headers = row.spec.cors
      ? {
          'x-request-id': this.requestId,
          'x-content-type-options': 'nosniff',
          'access-control-allow-origin': '*',
          'access-control-expose-headers': 'ETag, X-Request-Id',
        }
      : { 'x-request-id': this.requestId, 'x-content-type-options': 'nosniff' }
  }

  /** Aborted at the deadline and when the client goes away; undefined while nothing has waited or asked for it. */
  get signal(): AbortSignal | undefined {
    return this.held?.controller.signal
  }

  /** Made when something waits or a row asks for its context: a row that answers at once is spared timer and signal. */
  private hold(): AbortController {
    if (this.held) return this.held.controller
    const { group, timeoutMs } = this
    const controller = new AbortController()
    const leftMs = timeoutMs - (performance.now() - this.started)
    const timer = setTimeout(() => controller.abort(timedOut(group, timeoutMs)), Math.max(0, leftMs))
    this.held = { controller, timer }
    this.facts.onClose?.(() => controller.abort(new ClientGone('The client went away')))
    return controller
  }

  /** The caller of a credential, or nobody without one. */
  async authenticate(request: Request): Promise<Caller> {
    const authorization = this.header('authorization')
    if (authorization === undefined) {
      const { peer } = this.facts
      if (!peer) return anonymous
      await this.ports.admitPeer?.(
        this.contextFor(anonymous, null, (work) => this.ports.resources.db.transaction(work)),
        peer,
      )
      return peer
    }
    const token = /^Bearer +([^\s]{1,4096})$/i.exec(authorization)?.[1]
    if (token === undefined) {
      if (this.row.spec.errorStyle === 'oauth') return anonymous
      throw fail('unauthenticated', 'The header must read "Authorization: Bearer <key or access token>".')
    }
    const ctx = this.contextFor(anonymous, null, (work) => this.ports.resources.db.transaction(work))
    const caller = await this.ports.authenticate(ctx, token, request)
    if (caller) return caller
    throw fail('unauthenticated', 'The credential is unknown, expired or revoked.')
  }

  /**
   * Nobody waits any more: what has not begun is not begun.
   * @throws 504 timed_out
   */
  refuseWhenLate(): void {
    if (performance.now() - this.started >= this.timeoutMs) throw timedOut(this.group, this.timeoutMs)
  }

  /** The context of the row's work, and whether its reply was a recorded one. */
  enter(caller: Caller, key: string | null, asked: Asked): { ctx: C; once: Once } {
    const { ports, row } = this
    const claim =
      key === null
        ? null
        : {
            principal: principalOf(caller) ?? `address:${this.facts.address}`,
            key,
            hash: () => hashRequest(asked.method, asked.path, asked.search, asked.raw),
            time: ports.resources.clock.fixed,
          }
    const useStore = idempotencyOf(row) === 'record'
    const once = makeOnce(() => ctx.db, useStore ? ports.idempotency : null, claim)
    const ctx: C = this.contextFor(caller, key, once.run)
    return { ctx, once }
  }

  private contextFor(caller: Caller, key: string | null, once: Context['once']): C {
    const { ports, group, requestId } = this
    const { signal } = this.hold()
    return ports.contextOf({
      ...ports.resources,
      db: ports.resources.db.bound(signal),
      log: ports.resources.log.with({ request_id: requestId, function: group.tag }),
      time: ports.resources.clock.fixed,
      caller,
      requestId,
      signal,
      deadline: this.started + this.timeoutMs,
      newId: idMaker(ports.resources.clock, ports.resources.random),
      idempotencyKey: key,
      once,
    })
  }

  /** The work's result, or why it was given up (deadline, client gone) when that comes first; the signal has told the work. */
  untilDeadline<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.hold()
    return new Promise((resolve, reject) => {
      // The work has been told by the signal: its own words ("outcome_unknown") are better than ours, if they come.
      const onAbort = () => setTimeout(() => reject(signal.reason), LAST_WORDS_MS)
      if (signal.aborted) onAbort()
      else signal.addEventListener('abort', onAbort, { once: true })
      // Also when it comes too late: a failure that nobody hears would be an unhandled rejection.
      work.then(resolve, reject)
    })
  }

  /** Measures and logs; gives the response through. */
  close(response: Response, problem?: Problem): Response {
    const { held, ports, group, row } = this
    if (held) clearTimeout(held.timer)
    const wasLeft = problem !== undefined && held?.controller.signal.reason instanceof ClientGone
    const status = wasLeft ? CLIENT_GONE_STATUS : (problem?.status ?? response.status)
    const seconds = (performance.now() - this.started) / 1000
    ports.observe({ tag: group.tag, method: row.method, route: this.route, status, seconds })
    const { log } = ports.resources
    if (status >= 500 || log.isDebug) this.report(status, seconds, problem)
    return response
  }

  private report(status: number, seconds: number, problem: Problem | undefined): void {
    const { log } = this.ports.resources
    const fields = {
      request_id: this.requestId,
      function: this.group.tag,
      method: this.row.method,
      route: this.route,
      status,
      duration_ms: Math.round(seconds * 1000),
      ...(problem ? { code: problem.code } : {}),
    }
    if (status >= 500) log.error({ ...fields, error: problem?.cause ?? problem }, 'request failed')
    else log.debug(fields, 'request')
  }
}

/** What the fingerprint of a request under an Idempotency-Key is made of. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly search: string
  readonly raw: unknown
}
