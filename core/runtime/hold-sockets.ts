/** Holds the WebSockets of /ws/events on a Node server: admits callers before the upgrade, keeps and drains sockets. */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Caller, principalOf } from '#core/base/caller.ts'
import { type ErrorTable, fail, problems } from '#core/base/errors.ts'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { type EventFeed, STREAMS_PER_PRINCIPAL, STREAMS_TOTAL } from '#core/platform/event-feed.ts'
import type { Log } from '#core/platform/log.ts'
import { sameRights, watchCredential } from '#core/platform/watch-credential.ts'
import { admit } from './admit-caller.ts'
import { countRequest, type TierOf } from './limit-rate.ts'
import { refuseUpgrade } from './refuse-upgrade.ts'
import { toProblem } from './reply-problem.ts'
import { type Connection, holdConnection } from './socket-connection.ts'
import { closeCodes, type FrameLimits, readAsked, type SubscribeFrame } from './socket-frames.ts'

/** Where WebSockets are served. */
export const SOCKET_PATHS: readonly string[] = ['/ws/events', '/api/v1/ws']
/** Channel of metrics: a message is a JSON object that every socket gets. */
export const METRICS_CHANNEL = 'stream-metrics'

export const socketErrors = {
  origin_not_allowed: { status: 403, title: 'Pages of that origin may not open this WebSocket' },
  stream_limit: { status: 429, title: 'Too many streams are open for this caller' },
} as const satisfies ErrorTable
const refuse = problems(socketErrors)

const frameLimits: FrameLimits = {
  streams_per_caller: STREAMS_PER_PRINCIPAL,
  frame_bytes: 16 * 1024,
  frames_per_minute: 240,
  pause_bytes: 256 * 1024,
  close_bytes: 1024 * 1024,
  ping_seconds: 30,
}
/** Time that sockets get to answer the close of a drain. */
const DRAIN_MS = 2000
const RETRY_HINT_MS = 2000

/** What the host fills in. */
export interface SocketPorts {
  readonly feed: EventFeed
  /** The caller of a bearer token; null when it is bad. */
  readonly authenticate: (token: string) => Promise<Caller | null>
  /** Burns a ticket. @returns the bearer token that asked for it; null when it is bad */
  readonly redeemTicket: (ticket: string) => Promise<string | null>
  /** PUBLIC_URL and its aliases. */
  readonly publicUrls: readonly string[]
  readonly coordination: Coordination
  readonly tierOf: TierOf | null
  /** The client's address, behind trusted proxies. */
  readonly addressOf: (request: IncomingMessage) => string
  readonly newId: () => string
  readonly now: () => Date
  readonly random: (size: number) => Uint8Array
  readonly log: Log
  /** Milliseconds between checks of the credentials; 60 s. */
  readonly recheckMs?: number
  /** Milliseconds between pings; 30 s. */
  readonly pingMs?: number
  /** Milliseconds that a client has for its first subscribe, once it has read hello; 500. */
  readonly graceMs?: number
}

export interface Sockets {
  /** Refuses new sockets; closes all with 1012 and a hint when to come back (spread at random up to twice that), in the last frame and in the close. */
  close(retryHintMs?: number): Promise<void>
  count(): number
}

interface Admitted {
  readonly caller: Caller
  readonly token: string
}

/** Attaches them to a server. Upgrades to other paths are answered 404. */
export function attachSockets(server: EventEmitter, ports: SocketPorts): Sockets {
  const wss = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: frameLimits.frame_bytes,
    clientTracking: false,
  })
  const origins = new Set(
    ports.publicUrls.filter((url) => URL.canParse(url)).map((url) => new URL(url).origin),
  )
  const connections = new Set<Connection>()
  let draining = false
  let retryHint = RETRY_HINT_MS
  /** Spread, so that all clients do not come back in one moment. */
  const sendAway = (connection: Connection) => {
    const spread = Buffer.from(ports.random(2)).readUInt16BE() / 65536
    const retry = Math.round(retryHint * (1 + spread))
    connection.end(closeCodes.drain, 'shutting_down', { retry_after_ms: retry })
  }

  const beat = setInterval(
    () => {
      for (const connection of connections) connection.beat()
    },
    ports.pingMs ?? frameLimits.ping_seconds * 1000,
  )
  beat.unref()
  const unsubscribe = ports.coordination
    .subscribe(METRICS_CHANNEL, (message) => {
      const values = readMetrics(message)
      if (values) for (const connection of connections) connection.metrics(values)
    })
    .catch(() => async () => undefined)

  const open = (
    socket: WebSocket,
    wire: Duplex,
    { caller, token }: Admitted,
    head: bigint,
    asked: SubscribeFrame | null,
  ) => {
    const connection = holdConnection({
      socket,
      wire,
      id: ports.newId(),
      caller,
      head,
      feed: ports.feed,
      limits: frameLimits,
      asked,
      ...(ports.graceMs === undefined ? {} : { graceMs: ports.graceMs }),
    })
    connections.add(connection)
    const unwatch = watchCredential({
      token,
      now: ports.now,
      ...(ports.recheckMs ? { everyMs: ports.recheckMs } : {}),
      check: async () => sameRights(caller, await ports.authenticate(token)),
      onEnd: () => connection.end(closeCodes.sessionEnded, 'session_ended'),
    })
    socket.on('close', () => {
      unwatch()
      connections.delete(connection)
    })
    if (draining) sendAway(connection)
  }

  const onUpgrade = async (request: IncomingMessage, socket: Duplex, rest: Buffer) => {
    socket.on('error', () => socket.destroy())
    const requestId = ports.newId()
    const [path = '/', search = ''] = (request.url ?? '/').split('?', 2)
    const headers: Record<string, string> = {}
    try {
      if (!SOCKET_PATHS.includes(path)) throw fail('not_found', `There is no WebSocket at ${path}.`)
      if (draining) throw fail('shutting_down', undefined, { headers: { 'retry-after': '1' } })
      checkOrigin(request.headers.origin, origins)
      const query = new URLSearchParams(search)
      const asked = readAsked(query)
      if (!asked) throw badQuery()
      const admitted = await admitCaller(request, query, ports)
      if (ports.tierOf) {
        const address = ports.addressOf(request)
        const limited = await countRequest(
          ports.coordination,
          ports.tierOf,
          admitted.caller,
          address,
          headers,
        )
        if (limited) throw limited
      }
      const head = await ports.feed.head()
      if (socket.destroyed) return
      // However this connection ends, the close of its socket gives the place back.
      socket.once('close', takePlace(ports.feed, admitted.caller))
      wss.handleUpgrade(request, socket, rest, (ws) => open(ws, socket, admitted, head, asked.frame))
    } catch (error) {
      const problem = toProblem(error, undefined, false)
      if (problem.status >= 500)
        ports.log.error({ request_id: requestId, code: problem.code, error: problem.cause }, 'upgrade failed')
      refuseUpgrade(socket, problem, requestId, path, headers)
    }
  }
  const listener = (request: IncomingMessage, socket: Duplex, rest: Buffer) => {
    void onUpgrade(request, socket, rest)
  }
  server.on('upgrade', listener)

  return {
    count: () => connections.size,
    async close(retryHintMs = RETRY_HINT_MS) {
      draining = true
      retryHint = retryHintMs
      clearInterval(beat)
      await (await unsubscribe)().catch(() => undefined)
      const closing = [...connections]
      const closed = Promise.all(closing.map((one) => once(one.socket)))
      for (const connection of closing) sendAway(connection)
      const timer = setTimeout(() => {
        for (const { socket } of closing) socket.terminate()
      }, DRAIN_MS)
      await closed
      clearTimeout(timer)
    },
  }
}

const badQuery = () =>
  fail(
    'validation_failed',
    'after must be an index of the journal, types patterns of event types with commas.',
    {
      errors: [{ pointer: 'query:after', code: 'malformed', detail: 'see GET /events/stream' }],
    },
  )

/** A page of another site must not use a browser's reach into a private network. Programs send no Origin. */
function checkOrigin(origin: string | undefined, allowed: ReadonlySet<string>): void {
  if (origin !== undefined && !allowed.has(origin))
    throw refuse('origin_not_allowed', 'Origin must be absent or that of PUBLIC_URL or one of its aliases.')
}

/** @throws 401 unauthenticated, 403 insufficient_scope */
async function admitCaller(
  request: IncomingMessage,
  query: URLSearchParams,
  ports: SocketPorts,
): Promise<Admitted> {
  const bearer = /^Bearer +([^\s]{1,4096})$/i.exec(request.headers.authorization ?? '')?.[1]
  const ticket = query.get('ticket')
  if (bearer === undefined && ticket === null)
    throw fail(
      'unauthenticated',
      'This WebSocket needs "Authorization: Bearer ..." or ?ticket= of POST /events/ticket.',
    )
  const token = bearer ?? (await ports.redeemTicket(ticket ?? ''))
  const caller = token === null ? null : await ports.authenticate(token)
  if (token === null || caller === null)
    throw fail('unauthenticated', 'The credential or ticket is unknown, used, expired or revoked.')
  const refusal = admit(['developer', 'agent', 'operator', 'auditor'], 'events:read', caller)
  if (refusal) throw refusal
  return { caller, token }
}

/** @throws 429 stream_limit, 503 overloaded */
function takePlace(feed: EventFeed, caller: Caller): () => void {
  const place = feed.enter(principalOf(caller) ?? 'anonymous')
  if (place === 'principal')
    throw refuse('stream_limit', `A caller may hold ${STREAMS_PER_PRINCIPAL} streams open.`, {
      extra: { limit: STREAMS_PER_PRINCIPAL },
    })
  if (place === 'total')
    throw fail('overloaded', `${STREAMS_TOTAL} streams are open; nothing was done.`, {
      headers: { 'retry-after': '5' },
      extra: { limit: 'streams' },
    })
  return place
}

function readMetrics(message: string): Record<string, unknown> | null {
  try {
    const values: unknown = JSON.parse(message)
    return typeof values === 'object' && values !== null ? (values as Record<string, unknown>) : null
  } catch {
    return null
  }
}

const once = (socket: WebSocket) =>
  new Promise<void>((resolve) => {
    if (socket.readyState === socket.CLOSED) resolve()
    else socket.once('close', () => resolve())
  })
