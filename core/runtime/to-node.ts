/** Puts an application on node:http: facts of the socket, forwarded addresses, malformed requests, orderly closing. */
import {
  createServer,
  type IncomingMessage,
  maxHeaderSize,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import { getRequestListener } from '@hono/node-server'
import ipaddr from 'ipaddr.js'
import type { PeerCaller } from '#core/base/caller.ts'
import { fail } from '#core/base/errors.ts'
import type { App } from './compose-app.ts'
import type { RequestFacts } from './define-function.ts'
import { problemBody, replyProblem } from './reply-problem.ts'

export interface NodeOptions {
  /** Addresses and CIDR ranges, comma separated, whose X-Forwarded-For is believed. */
  readonly trustedProxies?: string
  readonly newId: () => string
  /** The workload that a request comes from, where the connection or our own sidecar says so. */
  readonly peerOf?: (incoming: IncomingMessage) => PeerCaller | null
  /** The client's address, where it is not read by `trustedProxies`. */
  readonly addressOf?: (incoming: IncomingMessage) => string
  /** Keys for TLS: absent, the server speaks plain HTTP. */
  readonly tls?: SecureContextOptions & TlsOptions
  /** True once the host is stopping: answers then end their connection, so that no client reuses it. */
  readonly draining?: () => boolean
}

/** A server of the application that does not listen yet. */
export function toNode(app: Pick<App, 'fetch'>, options: NodeOptions): Server {
  const addressOf = options.addressOf ?? addressReader(options.trustedProxies)
  const listener = getRequestListener(
    (request, env) => {
      const { incoming, outgoing } = env as { incoming: IncomingMessage; outgoing: ServerResponse }
      const endIfDraining = (response: Response) => {
        if (options.draining?.() && !outgoing.headersSent) outgoing.setHeader('connection', 'close')
        return response
      }
      const reply = app.fetch(request, new NodeFacts(incoming, outgoing, addressOf, options.peerOf))
      return reply instanceof Promise ? reply.then(endIfDraining) : endIfDraining(reply)
    },
    {
      overrideGlobalObjects: true,
      errorHandler: () => {
        const problem = fail('validation_failed', 'The request line or the Host header is malformed.', {
          errors: [{ pointer: 'header:Host', code: 'malformed', detail: 'no address can be made of it' }],
        })
        const requestId = options.newId()
        return replyProblem(problem, requestId, '/', 'problem', { 'x-request-id': requestId })
      },
    },
  )
  // Idle connections outlive a proxy's own idle time; slow headers don't outlive ten seconds.
  const times = { keepAliveTimeout: 65_000, headersTimeout: 10_000, requestTimeout: 120_000 }
  const server = options.tls
    ? createTlsServer({ ...times, ...options.tls }, listener)
    : createServer(times, listener)
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(wordUnread(error.code, options.newId()))
  })
  return server
}

/** The answer to what could not be read as a request, as it goes over the wire: the connection ends with it. */
function wordUnread(code: string | undefined, requestId: string): string {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return 'HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'
  const problem =
    code === 'HPE_HEADER_OVERFLOW'
      ? fail('headers_too_large', `They may have ${maxHeaderSize} bytes together.`)
      : fail('validation_failed', 'This is no HTTP request that can be read.', {
          errors: [
            { pointer: '', code: 'malformed_http', detail: 'the request line or a header is malformed' },
          ],
        })
  const body = JSON.stringify(problemBody(problem, requestId, '/'))
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'connection: close',
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** Facts of a request, found out when they are asked for. */
class NodeFacts implements RequestFacts {
  private readonly incoming: IncomingMessage
  private readonly outgoing: ServerResponse
  private readonly addressOf: (incoming: IncomingMessage) => string
  private readonly peerOf: NodeOptions['peerOf']
  readonly header: (name: string) => string | undefined

  constructor(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    addressOf: (incoming: IncomingMessage) => string,
    peerOf: NodeOptions['peerOf'],
  ) {
    this.incoming = incoming
    this.outgoing = outgoing
    this.addressOf = addressOf
    this.peerOf = peerOf
    const { headers } = incoming
    this.header = (name) => {
      const value = headers[name]
      return Array.isArray(value) ? value.join(', ') : value
    }
  }

  get address(): string {
    return this.addressOf(this.incoming)
  }

  get peer(): PeerCaller | null {
    return this.peerOf?.(this.incoming) ?? null
  }

  onClose(tell: () => void): void {
    const { outgoing } = this
    outgoing.once('close', () => {
      if (!outgoing.writableEnded) tell()
    })
  }
}

const UNUSABLE = new Map([
  ['EADDRINUSE', 'is taken by another program: stop that, or set another port'],
  ['EACCES', 'may not be used by this user: set one above 1023'],
  ['EADDRNOTAVAIL', 'can not be had: this machine has no such address (BIND_ADDRESS)'],
])

/** A port cannot be had; the message says which and what to do. */
export class ListenError extends Error {}

/** Starts listening. @returns the port @throws ListenError when the port is taken or may not be used */
export function listen(server: Server, port: number, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException) => {
      const why = UNUSABLE.get(error.code ?? '')
      reject(
        why ? new ListenError(`Port ${port} on ${address} ${why} (${error.code}).`, { cause: error }) : error,
      )
    }
    server.once('error', refuse)
    server.listen(port, address, () => {
      server.removeListener('error', refuse)
      const bound = server.address()
      resolve(typeof bound === 'object' && bound ? bound.port : port)
    })
  })
}

const IDLE_SWEEP_MS = 250

/**
 * Closes a server: no new connection, idle ones closed at once and again while requests end, the rest at the deadline.
 * (server.close() alone waits for idle keep-alive connections: several seconds.)
 */
export function closeServer(server: Server, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
    const end = () => {
      clearInterval(sweep)
      clearTimeout(last)
      resolve()
    }
    const last = setTimeout(() => {
      server.closeAllConnections()
      // Upgraded connections are not among them: they must not keep the stop waiting.
      end()
    }, deadlineMs)
    server.close(end)
    server.closeIdleConnections()
  })
}

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]

function readProxies(text: string): (address: string) => boolean {
  const ranges = text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)
    .map((item): Range => {
      if (item.includes('/')) return ipaddr.parseCIDR(item)
      const address = ipaddr.process(item)
      return [address, address.kind() === 'ipv4' ? 32 : 128]
    })
  return (address) => {
    if (ranges.length === 0 || !ipaddr.isValid(address)) return false
    const parsed = ipaddr.process(address)
    return ranges.some((range) => range[0].kind() === parsed.kind() && parsed.match(range as never))
  }
}

/** Reads the client's address of a request that does not reach the application (an upgrade). */
export function addressReader(trustedProxies = ''): (incoming: IncomingMessage) => string {
  const trusts = readProxies(trustedProxies)
  return (incoming) => readAddress(incoming, trusts)
}

/** The client's address: the socket's, or behind trusted proxies the last forwarded one that is no trusted proxy. */
function readAddress(incoming: IncomingMessage, trusts: (address: string) => boolean): string {
  const peer = plain(incoming.socket.remoteAddress ?? '0.0.0.0')
  if (!trusts(peer)) return peer
  const forwarded = String(incoming.headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => ipaddr.isValid(item))
  for (const address of forwarded.reverse()) if (!trusts(address)) return plain(address)
  return peer
}

const plain = (address: string) => (address.startsWith('::ffff:') ? address.slice(7) : address)
