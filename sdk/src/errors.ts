/** What the client throws: the registry's refusals, and failures to reach it. */
import type { ErrorCode } from './codes.generated.ts'

/** One fault of one field; `pointer` is an RFC 6901 pointer into the body, or `?name`, `header:Name`, `path:name`. */
export interface FieldError {
  readonly pointer: string
  readonly code: string
  readonly detail: string
}

/** `unreachable`: no answer came. A code that this version does not know stays a string. */
export type AnyCode = ErrorCode | 'unreachable' | (string & {})

export class NinefoldError extends Error {
  readonly code: AnyCode
  /** The HTTP status; 0 when no answer came. */
  readonly status: number
  readonly detail: string
  /** Name it when you ask the operator: every log line of the call carries it. */
  readonly request_id: string | null
  readonly errors: readonly FieldError[]

  constructor(
    facts: {
      code: AnyCode
      status: number
      detail: string
      request_id?: string | null
      errors?: readonly FieldError[]
    },
    options?: { cause?: unknown },
  ) {
    super(`${facts.code}: ${facts.detail}`, options)
    this.name = 'NinefoldError'
    this.code = facts.code
    this.status = facts.status
    this.detail = facts.detail
    this.request_id = facts.request_id ?? null
    this.errors = facts.errors ?? []
  }
}

/** The error that an answer carries, be it a problem document, an OAuth error or something of a proxy between. */
export async function readError(response: Response): Promise<NinefoldError> {
  const text = await response.text()
  const body = parseObject(text)
  const word = (name: string) => (typeof body[name] === 'string' ? body[name] : undefined)
  return new NinefoldError({
    code: word('code') ?? word('error') ?? `http_${response.status}`,
    status: response.status,
    detail: word('detail') ?? word('error_description') ?? response.statusText,
    request_id: word('request_id') ?? response.headers.get('x-request-id'),
    errors: Array.isArray(body.errors) ? (body.errors as FieldError[]) : [],
  })
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
