/** The same client over what Node has by itself, for bundles: undici would be half of one. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { refuseInsideTransaction } from './database/scope.ts'
import { Ended, type Exchanged, type ExchangeOptions } from './exchange.ts'
import { makeOutbound, type Outbound, type OutboundOptions } from './outbound-client.ts'

/** Opens a client. */
export function openOutbound(options: OutboundOptions = {}): Outbound {
  return makeOutbound(options, (lookup, timeoutMs) => {
    const agents = {
      http: new HttpAgent({ timeout: timeoutMs }),
      https: new HttpsAgent({ timeout: timeoutMs }),
    }
    return {
      exchange(url, request) {
        refuseInsideTransaction('A request to another host')
        return exchange(agents, lookup, url, request)
      },
      async close() {
        agents.http.destroy()
        agents.https.destroy()
      },
    }
  })
}

function exchange(
  agents: { readonly http: HttpAgent; readonly https: HttpsAgent },
  lookup: LookupFunction,
  url: URL,
  { method, headers, body, timeoutMs, bytesMax, truncate, signal }: ExchangeOptions,
): Promise<Exchanged> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const isSecure = url.protocol === 'https:'
    const start = isSecure ? httpsRequest : httpRequest
    const agent = isSecure ? agents.https : agents.http
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = start(url, { method, headers: { ...headers, ...length }, agent, lookup })
    let over = false
    const settle = (then: () => void) => {
      if (over) return
      over = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      then()
    }
    const fail = (error: unknown) =>
      settle(() => {
        reject(error)
        sent.destroy()
      })
    const onAbort = () => fail(signal?.reason)
    const timer = setTimeout(() => fail(new Ended('timed_out')), timeoutMs)
    signal?.addEventListener('abort', onAbort, { once: true })
    sent.on('error', fail)
    sent.on('response', (reply) => {
      const done = (bytes: Uint8Array) =>
        settle(() => resolve({ status: reply.statusCode ?? 0, headers: reply.headers, body: bytes }))
      collect(reply, bytesMax, truncate, done, fail)
    })
    sent.end(body)
  })
}

function collect(
  reply: IncomingMessage,
  bytesMax: number,
  truncate: boolean,
  done: (bytes: Uint8Array) => void,
  fail: (error: unknown) => void,
): void {
  const chunks: Uint8Array[] = []
  let size = 0
  reply.on('error', fail)
  reply.on('data', (chunk: Uint8Array) => {
    size += chunk.byteLength
    if (size <= bytesMax) {
      chunks.push(chunk)
      return
    }
    if (!truncate) return fail(new Ended('too_large'))
    chunks.push(chunk.subarray(0, chunk.byteLength - (size - bytesMax)))
    done(Uint8Array.from(Buffer.concat(chunks)))
    reply.destroy()
  })
  reply.on('end', () => done(Uint8Array.from(Buffer.concat(chunks))))
}
