/** A small HTTP client over a fetch function; every reply it sees is checked against OpenAPI. */

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Parsed JSON of whatever shape: tests say what they expect of it. */
  readonly body: ReturnType<typeof JSON.parse>
  readonly text: string
}
export interface Options {
  token?: string
  headers?: Record<string, string>
  key?: string
  query?: Record<string, string>
}
type Send = (path: string, options?: Options) => Promise<Answer>
type SendBody = (path: string, body?: unknown, options?: Options) => Promise<Answer>

export interface Api {
  get: Send
  delete: Send
  post: SendBody
  put: SendBody
  patch: SendBody
  raw(request: Request): Promise<Response>
}

const ROOT = /^\/(health|livez|readyz|openapi\.json|asyncapi\.json|docs|metrics|\.well-known\/|api\/)/

/** `check` is called with every request and its answer (the contract check). */
export function makeApi(
  fetch: (request: Request) => Response | Promise<Response>,
  check?: (request: Request, answer: Answer) => void,
  base = 'http://127.0.0.1:8000',
): Api {
  const send = async (
    method: string,
    path: string,
    body: unknown,
    options: Options = {},
  ): Promise<Answer> => {
    const url = new URL(ROOT.test(path) ? path : `/api/v1${path}`, base)
    for (const [name, value] of Object.entries(options.query ?? {})) url.searchParams.set(name, value)
    const headers = new Headers(options.headers)
    if (options.token) headers.set('authorization', `Bearer ${options.token}`)
    if (options.key) headers.set('idempotency-key', options.key)
    if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
    const text = body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body)
    const request = new Request(url, { method, headers, body: text })
    const response = await fetch(request)
    const replyText = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    const answer = {
      status: response.status,
      headers: response.headers,
      body: isJson && replyText ? JSON.parse(replyText) : undefined,
      text: replyText,
    }
    check?.(request, answer)
    return answer
  }
  return {
    get: (path, options) => send('GET', path, undefined, options),
    delete: (path, options) => send('DELETE', path, undefined, options),
    post: (path, body, options) => send('POST', path, body, options),
    put: (path, body, options) => send('PUT', path, body, options),
    patch: (path, body, options) => send('PATCH', path, body, options),
    raw: async (request) => fetch(request),
  }
}
