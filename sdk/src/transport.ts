/** What the groups stand on: one request function, and how to wait between attempts. */

export interface NinefoldOptions {
  /** Where the registry stands, such as `http://127.0.0.1:8000`. */
  baseUrl: string
  /** A session's access token, a key (nfk_, nfa_, nfo_), or what gives one when it is needed. */
  token?: string | (() => string | undefined | Promise<string | undefined>)
  /** Attempts of a request that may be sent again; 4 by default. */
  attemptsMax?: number
  /** Milliseconds before the second attempt, doubled each time; 200 by default. */
  retryDelayMs?: number
  fetch?: (request: Request) => Promise<Response>
  /** Opens a WebSocket; that of the platform by default. */
  openSocket?: (url: string) => WebSocket
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export interface RequestOptions {
  body?: unknown
  query?: object
  headers?: Record<string, string>
  /** The Idempotency-Key of a POST; a new UUIDv7 by default. */
  idempotencyKey?: string
  signal?: AbortSignal
}

/** What the groups stand on. */
export interface Transport {
  readonly options: NinefoldOptions
  request<T>(method: Method, path: string, options?: RequestOptions): Promise<T>
}

/** Doubled each time, from half to the whole, so that clients do not come back together. */
export const delay = (firstMs: number, attempt: number): number =>
  firstMs * 2 ** Math.min(attempt - 1, 8) * (0.5 + Math.random() / 2)

/** Waits; ends early, with the signal's reason, when it is aborted. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
