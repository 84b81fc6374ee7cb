/** What a function file exports: rows of method, path, caller, shapes and one call into a verb. No host is known here. */
import type { z } from 'zod'
import type { Caller, PeerCaller, Scope } from '#core/base/caller.ts'
import type { ErrorTable, Problem } from '#core/base/errors.ts'
import type { Reply } from '#core/base/reply.ts'
import type { Context } from '#core/platform/context.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
/** `public`: anybody; a credential is still read when there is one. Otherwise any one of the kinds listed. */
export type CallerRule = 'public' | readonly CallerKind[]
export type CallerKind = 'developer' | 'agent' | 'operator' | 'auditor' | 'service' | 'peer'

/** Facts of a request that a web Request does not carry; each host's adapter gives them. */
export interface RequestFacts {
  /** The peer's address as the host sees it. */
  readonly address: string
  /** Reads a header without building a Headers object. */
  readonly header?: (name: string) => string | undefined
  /** The workload whose certificate the connection showed, checked against the bundle of its trust domain. */
  readonly peer?: PeerCaller | null
  /** Calls the listener when the client goes away before the reply. */
  readonly onClose?: (listener: () => void) => void
}

export interface Call<C, P, Q, B> {
  readonly ctx: C
  readonly caller: Caller
  readonly params: P
  readonly query: Q
  readonly body: B
  /** Reads a request header. */
  readonly header: (name: string) => string | undefined
  readonly request: Request
  /** The client's address as the host sees it (behind trusted proxies: as they tell it). */
  readonly address: string
}

/** Errors as a foreign specification shapes them. */
export interface ForeignErrors {
  readonly shape: z.ZodType
  readonly word: (problem: Problem) => object
}
/** problem+json of RFC 9457, RFC 6749 section 5.2, or another specification's. */
export type ErrorStyle = 'problem' | 'oauth' | ForeignErrors

type Output<S> = S extends z.ZodType ? z.output<S> : Record<string, never>

export interface RowSpec<P, Q, B> {
  /** One line for the reference. */
  readonly summary: string
  readonly callers: CallerRule
  /** Scope that keys need; sessions, operators and services have all. */
  readonly scope?: Scope
  readonly params?: P
  readonly query?: Q
  readonly body?: B
  /** True: a missing body is read as {}. */
  readonly bodyOptional?: boolean
  /** Also takes application/x-www-form-urlencoded (OAuth). */
  readonly form?: boolean
  /** The body is plain text: its shape is a string, and any Content-Type will do. */
  readonly text?: boolean
  /** Shape of the reply; absent: no body (204) or `raw`. */
  readonly reply?: z.ZodType
  /** Status of success: 200 with a reply shape, 204 without. */
  readonly status?: number
  /** Further statuses of success that `Reply` may choose, for the reference. */
  readonly alsoStatus?: readonly number[]
  /** Media type of a reply that is no JSON document of ours (the row returns a Response). */
  readonly raw?: string
  /** Path of what a 201 has made, from the reply. */
  readonly location?: (body: never) => string
  /** `gate`: the key is required and the gate keeps the outcome; `record` (default of all that writes): optional, kept by `ctx.once`. */
  readonly idempotency?: 'gate' | 'record' | 'none'
  /** The condition that the row reads: If-Match is needed, If-None-Match spares a body that is known. */
  readonly condition?: 'If-Match' | 'If-None-Match'
  /** Tables of codes that this row may answer beside the common ones. */
  readonly errors?: readonly ErrorTable[]
  /** Any web page may read it (CORS); the browser's OPTIONS is answered for it. */
  readonly cors?: boolean
  /** Not counted by the rate limit (livez, readyz, peers). */
  readonly uncounted?: boolean
  /** Shape of errors: our problem+json, or that of a foreign specification. */
  readonly errorStyle?: ErrorStyle
}

export interface Row<C> {
  readonly method: Method
  readonly path: string
  readonly spec: RowSpec<z.ZodType | undefined, z.ZodType | undefined, z.ZodType | undefined>
  readonly run: (call: Call<C, never, never, never>) => Promise<unknown> | unknown
}

export interface FunctionGroup<C> {
  /** Name in metrics, logs and the reference. */
  readonly tag: string
  readonly timeoutSeconds: number
  readonly bodyLimitBytes: number
  /** Requests at work at the same time in one process; beyond it 503 overloaded. */
  readonly concurrency: number
  /** Callers may shorten the time of a call by X-Timeout-Ms (functions that only our own services call). */
  readonly heedsTimeout: boolean
  readonly rows: readonly Row<C>[]
}

export interface FunctionSpec<C> {
  tag: string
  timeoutSeconds?: number
  bodyLimitBytes?: number
  concurrency?: number
  heedsTimeout?: boolean
  rows: readonly Row<C>[]
}

/** Makes a function of rows. Paths are relative to the prefix that the doors give. */
export function defineFunction<C extends Context>(spec: FunctionSpec<C>): FunctionGroup<C> {
  return {
    tag: spec.tag,
    timeoutSeconds: spec.timeoutSeconds ?? 30,
    bodyLimitBytes: spec.bodyLimitBytes ?? 1024 * 1024,
    concurrency: spec.concurrency ?? 2048,
    heedsTimeout: spec.heedsTimeout ?? false,
    rows: spec.rows,
  }
}

type Maker<C> = <
  P extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
  B extends z.ZodType | undefined = undefined,
>(
  path: string,
  spec: RowSpec<P, Q, B>,
  run: (call: Call<C, Output<P>, Output<Q>, Output<B>>) => Promise<unknown> | unknown,
) => Row<C>

/** The makers of rows for a service's context: `const { get, post } = rowsOf<RegistryContext>()`. */
export function rowsOf<C extends Context>(): Record<Method, Maker<C>> {
  const maker = (method: Method): Maker<C> => ((path, spec, run) => ({ method, path, spec, run })) as Maker<C>
  return {
    get: maker('get'),
    post: maker('post'),
    put: maker('put'),
    patch: maker('patch'),
    delete: maker('delete'),
  }
}

/** How a row treats an Idempotency-Key. */
export const idempotencyOf = (row: {
  readonly method: Method
  readonly spec: { readonly idempotency?: 'gate' | 'record' | 'none' }
}): 'gate' | 'record' | 'none' => row.spec.idempotency ?? (row.method === 'get' ? 'none' : 'record')

/** What a row may return: the reply itself, a Reply with status or headers, or a Response where `raw` is set. */
export type RowResult<T> = T | Reply<T> | Response

/** A line of the doors: where a function stands. */
export interface Door<C> {
  readonly service: 'registry' | 'teg' | 'event-store'
  readonly prefix: string
  readonly load: () => Promise<{ default: FunctionGroup<C> }>
}
