/** The one error that a caller may read: a stable code, a status and words; everything else thrown is a bug. */

/** One row of an error table: the HTTP status and the title that the public reads. */
export interface ErrorRow {
  readonly status: number
  readonly title: string
}
export type ErrorTable = Readonly<Record<string, ErrorRow>>

/** One fault of one field; `pointer` is an RFC 6901 pointer into the body, or `?name`, `header:Name`, `path:name`. */
export interface FieldError {
  pointer: string
  code: string
  detail: string
}

export interface ProblemOptions {
  errors?: FieldError[]
  headers?: Record<string, string>
  /** What the log reads and the caller does not. */
  cause?: unknown
  /** Further members of the problem document. */
  extra?: Record<string, unknown>
}

/** An expected failure, answered as RFC 9457 application/problem+json. */
export class Problem extends Error {
  readonly code: string
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly errors: FieldError[] | undefined
  readonly headers: Record<string, string>
  readonly extra: Record<string, unknown>

  constructor(code: string, row: ErrorRow, detail?: string, options: ProblemOptions = {}) {
    super(`${code}: ${detail ?? row.title}`, { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.status = row.status
    this.title = row.title
    this.detail = detail ?? row.title
    this.errors = options.errors
    this.headers = options.headers ?? {}
    this.extra = options.extra ?? {}
  }
}

/** Binds a table of codes to a thrower: `const fail = problems(table); throw fail('same_agent', 'words')`. */
export function problems<T extends ErrorTable>(table: T) {
  return (code: keyof T & string, detail?: string, options?: ProblemOptions): Problem =>
    new Problem(code, table[code] as ErrorRow, detail, options)
}

/** Codes that any route may answer. A domain's own codes stand in its errors.ts. */
export const commonErrors = {
  validation_failed: { status: 400, title: 'The request does not have the right shape' },
  cursor_mismatch: { status: 400, title: 'The cursor belongs to other filters' },
  idempotency_key_required: { status: 400, title: 'This route needs an Idempotency-Key header' },
  unauthenticated: { status: 401, title: 'A valid credential is needed' },
  insufficient_scope: { status: 403, title: 'The credential is not allowed to do this' },
  not_found: { status: 404, title: 'There is nothing here that you may see' },
  method_not_allowed: { status: 405, title: 'This address does not take that method' },
  idempotency_in_flight: { status: 409, title: 'The first request with this key is still being worked on' },
  precondition_failed: { status: 412, title: 'The thing has changed since you read it' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The body has a form that is not read here' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used with another request' },
  precondition_required: { status: 428, title: 'This request needs an If-Match header' },
  headers_too_large: { status: 431, title: 'The address and the headers are too long' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  overloaded: { status: 503, title: 'The registry is at its limit; nothing was done' },
  database_unavailable: { status: 503, title: 'The database does not answer; nothing was done' },
  shutting_down: { status: 503, title: 'This instance is shutting down; try again' },
  timed_out: { status: 504, title: 'The request did not finish in time' },
  outcome_unknown: { status: 504, title: 'It is not known yet whether this happened' },
} as const satisfies ErrorTable

/** Throws one of the common codes. */
export const fail = problems(commonErrors)
