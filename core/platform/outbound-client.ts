/** What every client for addresses that users give has in common: the guard, the bounds, the words of a failure. */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { refuseInsideTransaction } from './database/scope.ts'
import { Ended, type Exchanged, type ExchangeOptions } from './exchange.ts'
import { checkUrl, OutboundError, type Permits, readAllowed, refusedAddress } from './outbound-address.ts'

export interface OutboundOptions {
  /** Also takes http: addresses. */
  readonly allowHttp?: boolean
  /** Ports that may be asked; 443, 8443 and, with http, 80 and 8080 by default. */
  readonly ports?: readonly number[] | 'any'
  /** Addresses and CIDR ranges that may be reached although they are not public (an operator's own network). */
  readonly allow?: readonly string[]
  readonly timeoutMs?: number
  readonly bytesMax?: number
  /** Most connections to one origin; null: as many as there are requests, so that none waits for another. */
  readonly connections?: number | null
  /** All addresses of a name; the system's by default. */
  readonly resolve?: (hostname: string) => Promise<readonly LookupAddress[]>
}

export interface OutboundRequest {
  readonly url: string
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly signal?: AbortSignal
  /** Gives the beginning of a body that is too long, and hangs up, where it would fail. */
  readonly truncate?: boolean
}

export interface OutboundReply {
  /** A redirect is a reply as any other: it is not followed. */
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Uint8Array
}

export interface Outbound {
  /** @throws OutboundError refused_url or refused_address, without any look-up; for the moment when a user gives the address */
  check(url: string): void
  /**
   * The same with a look-up of the name, for a second at most: a name that can't be looked up now passes.
   * @throws OutboundError refused_url or refused_address
   */
  checkName(url: string): Promise<void>
  /** @throws OutboundError; or the signal's reason */
  send(request: OutboundRequest): Promise<OutboundReply>
  close(): Promise<void>
}

const TIMEOUT_MS = 10_000
const BYTES_MAX = 1024 * 1024
const LOOKUP_MS = 1000
const URLS_KEPT = 1000

/** What carries a request that was found to be allowed. */
export interface Transport {
  /** @throws Ended, the signal's reason, or what the connection says */
  exchange(url: URL, options: ExchangeOptions): Promise<Exchanged>
  close(): Promise<void>
}
/** @param lookup refuses a name of which any address may not be reached, at the moment of the connection */
export type OpenTransport = (lookup: LookupFunction, timeoutMs: number) => Transport

/** A client over a transport. */
export function makeOutbound(options: OutboundOptions, openTransport: OpenTransport): Outbound {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS
  const bytesMax = options.bytesMax ?? BYTES_MAX
  const ports = options.ports ?? (options.allowHttp ? [443, 8443, 80, 8080] : [443, 8443])
  const permits = readAllowed(options.allow ?? [])
  // Checked where the connection is made, on the very addresses it will use: a name can't change in between.
  const resolve = options.resolve ?? resolveAll
  const transport = openTransport(guardedLookup(resolve, permits), timeoutMs)
  const check = (text: string) => checkUrl(text, options.allowHttp === true, ports, permits)
  /** What is judged by its text alone need not be judged twice; names are looked at where the connection is made. */
  const kept = new Map<string, URL>()
  const checkKept = (text: string): URL => {
    const known = kept.get(text)
    if (known) return known
    const url = check(text)
    if (kept.size >= URLS_KEPT) kept.clear()
    kept.set(text, url)
    return url
  }
  return {
    check: (url) => void check(url),
    async checkName(text) {
      refuseInsideTransaction('A look-up of a name')
      const { hostname } = check(text)
      if (ipaddr.isValid(hostname.replace(/^\[|\]$/g, ''))) return
      const late = AbortSignal.timeout(LOOKUP_MS)
      const addresses = await Promise.race([
        resolve(hostname).catch(() => null),
        new Promise<null>((done) => late.addEventListener('abort', () => done(null), { once: true })),
      ])
      if (addresses && !addresses.every(({ address }) => permits(address))) throw refusedAddress()
    },
    async send({ url: text, method = 'GET', headers = {}, body, signal, truncate = false }) {
      refuseInsideTransaction('A request to another host')
      const url = checkKept(text)
      const bounds = { timeoutMs, bytesMax, truncate }
      try {
        return await transport.exchange(url, { method, headers, body, signal, ...bounds })
      } catch (error) {
        throw explain(error, signal, timeoutMs, bytesMax)
      }
    },
    close: transport.close,
  }
}

const resolveAll = (hostname: string): Promise<readonly LookupAddress[]> =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true }, (error, addresses) => (error ? reject(error) : resolve(addresses)))
  })

function guardedLookup(
  resolve: (hostname: string) => Promise<readonly LookupAddress[]>,
  permits: Permits,
): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname)
      .then((addresses) => {
        // One bad address among good ones is reason enough.
        if (addresses.length === 0 || !addresses.every(({ address }) => permits(address)))
          throw refusedAddress()
        return addresses
      })
      .then(
        (addresses) => {
          const first = addresses[0] as LookupAddress
          if (options.all) callback(null, [...addresses])
          else callback(null, first.address, first.family)
        },
        (error) => callback(error, []),
      )
  }
}

function explain(
  error: unknown,
  signal: AbortSignal | undefined,
  timeoutMs: number,
  bytesMax: number,
): unknown {
  if (signal?.aborted) return signal.reason
  if (error instanceof OutboundError) return error
  const { name = '', cause } = error as { name?: string; cause?: unknown }
  if (cause instanceof OutboundError) return cause
  if (error instanceof Ended && error.why === 'too_large')
    return new OutboundError('too_large', `answered with more than ${bytesMax} bytes`)
  if (error instanceof Ended || /Timeout/.test(name))
    return new OutboundError('timed_out', `did not answer within ${timeoutMs} ms`, error)
  return new OutboundError('unreachable', 'could not be reached', error)
}
