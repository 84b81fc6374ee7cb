/** One request and its reply on a dispatcher of undici, bounded in time and size; without streams, which cost half of a short one. */
import type { Dispatcher } from 'undici'

export interface ExchangeOptions {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | undefined
  /** From the call to the last byte of the reply. */
  readonly timeoutMs: number
  readonly bytesMax: number
  /** Ends with the first bytes of a reply that is too long, where it would fail. */
  readonly truncate: boolean
  readonly signal: AbortSignal | undefined
}
export interface Exchanged {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Uint8Array
}

/** Why an exchange was ended from this side. */
export class Ended extends Error {
  readonly why: 'timed_out' | 'too_large'
  constructor(why: 'timed_out' | 'too_large') {
    super(why)
    this.name = 'Ended'
    this.why = why
  }
}

/** @throws Ended, the signal's reason, or what the connection says */
export function exchange(agent: Dispatcher, url: URL, options: ExchangeOptions): Promise<Exchanged> {
  const { signal, bytesMax } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    let controller: Dispatcher.DispatchController | null = null
    let over = false
    let status = 0
    let headers: Exchanged['headers'] = {}
    const chunks: Uint8Array[] = []
    let size = 0

    const settle = () => {
      over = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    const finish = () => {
      if (over) return
      settle()
      resolve({ status, headers, body: Uint8Array.from(Buffer.concat(chunks)) })
    }
    const fail = (error: unknown) => {
      if (over) return
      settle()
      reject(error)
      // What has not begun by now ends as soon as it does.
      controller?.abort(error as Error)
    }
    const onAbort = () => fail(signal?.reason)
    const timer = setTimeout(() => fail(new Ended('timed_out')), options.timeoutMs)
    signal?.addEventListener('abort', onAbort, { once: true })

    agent.dispatch(
      {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method: options.method,
        headers: options.headers,
        body: options.body ?? null,
      },
      {
        onRequestStart(given) {
          controller = given
          if (over) given.abort(new Ended('timed_out'))
        },
        onResponseStart(_given, code, fields) {
          status = code
          headers = fields
        },
        onResponseData(given, chunk) {
          if (over) return
          size += chunk.byteLength
          if (size <= bytesMax) {
            chunks.push(chunk)
            return
          }
          if (!options.truncate) return fail(new Ended('too_large'))
          chunks.push(chunk.subarray(0, chunk.byteLength - (size - bytesMax)))
          finish()
          given.abort(new Ended('too_large'))
        },
        onResponseEnd: finish,
        onResponseError: (_given, error) => fail(error),
      },
    )
  })
}
