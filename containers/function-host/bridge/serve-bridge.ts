/** The Neon bridge: lets the stock Neon driver through to one address, over a WebSocket or by single requests; off by default. */
import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws'
import { type ErrorTable, problems } from '#core/base/errors.ts'
import type { Config } from '#core/platform/config.ts'
import { BRIDGE_PROTOCOL, BRIDGE_TOKEN_PREFIX } from '#core/platform/database/neon-way.ts'
import type { Log } from '#core/platform/log.ts'
import { refuseUpgrade } from '#core/runtime/refuse-upgrade.ts'
import { problemBody } from '#core/runtime/reply-problem.ts'
import { closeServer, listen } from '#core/runtime/to-node.ts'
import { answerSql, SQL_BYTES_MAX } from './answer-sql.ts'
import { openPlaces } from './open-places.ts'

export interface BridgeOptions {
  /** host:port that it leads to; a client that names another is refused. */
  readonly target: string
  readonly token: string
  readonly connections: number
  readonly port: number
  readonly address: string
  readonly log: Log
  readonly newId: () => string
  readonly limits?: Partial<BridgeLimits>
}

export const bridgeLimits = {
  /** A connection on which nothing passes for so long is ended. */
  idleMs: 300_000,
  /** Connections that one address may hold. */
  perAddress: 20,
  /** A connection to the target that doesn't come about. */
  connectMs: 5_000,
  /** One statement over HTTP, or one batch. */
  sqlMs: 30_000,
} as const

export type BridgeLimits = { readonly [K in keyof typeof bridgeLimits]: number }

export const bridgeErrors = {
  bridge_address: { status: 403, title: 'The bridge leads to another address' },
  bridge_full: { status: 503, title: 'The bridge holds as many connections as it may' },
  bridge_token: { status: 401, title: 'The bridge needs its token' },
} as const satisfies ErrorTable
const fail = problems(bridgeErrors)

export interface Bridge {
  readonly port: number
  /** Connections held now. */
  held(): number
  stop(): Promise<void>
}

const STOP_MS = 1_000
/** A driver gets this long for reading what the server said before it ended. */
const LINGER_MS = 5_000

/** What the configuration says of it; null: none is wanted. */
export function bridgeOf(
  config: Config,
): Pick<BridgeOptions, 'target' | 'token' | 'connections' | 'port'> | null {
  const { NEON_BRIDGE_PORT: port, NEON_BRIDGE_TOKEN: token, NEON_BRIDGE_CONNECTIONS: connections } = config
  if (port === 0 || token === undefined) return null
  const target = config.NEON_BRIDGE_TARGET ?? targetOf(config.DATABASE_URL ?? '')
  return { target, token, connections, port }
}

function targetOf(url: string): string {
  const at = new URL(url)
  return `${at.hostname}:${at.port || 5432}`
}

/** Starts it. Who has the token still needs the password of the database: the bridge knows none. */
export async function serveBridge(options: BridgeOptions): Promise<Bridge> {
  const limits = { ...bridgeLimits, ...options.limits }
  const { target, log, newId } = options
  const places = openPlaces(options.connections, limits.perAddress)
  const isAllowed = tokenJudge(options.token)
  const wss = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: SQL_BYTES_MAX,
    handleProtocols: () => BRIDGE_PROTOCOL,
  })
  const server = createServer((request, reply) => void answer(request, reply))
  const stopping = new AbortController()

  const answer = async (request: IncomingMessage, reply: ServerResponse): Promise<void> => {
    const path = request.url?.split('?', 1)[0] ?? '/'
    const refuse = (problem: ReturnType<typeof fail>) => {
      reply.writeHead(problem.status, { 'content-type': 'application/problem+json', connection: 'close' })
      reply.end(JSON.stringify(problemBody(problem, newId(), path)))
    }
    if (request.method !== 'POST' || path !== '/sql') {
      reply.writeHead(404, { connection: 'close' }).end()
      return
    }
    if (!isAllowed(/^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1]))
      return refuse(fail('bridge_token'))
    const leave = places.enter(addressOf(request))
    if (!leave) return refuse(fail('bridge_full'))
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(limits.sqlMs)])
      await answerSql(request, reply, target, signal)
    } finally {
      leave()
    }
  }

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    const url = new URL(request.url ?? '/', 'http://bridge')
    const refuse = (problem: ReturnType<typeof fail>) =>
      refuseUpgrade(socket, problem, newId(), url.pathname, {})
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((one) => one.trim())
    const token = offered
      .find((one) => one.startsWith(BRIDGE_TOKEN_PREFIX))
      ?.slice(BRIDGE_TOKEN_PREFIX.length)
    if (!isAllowed(token) || !offered.includes(BRIDGE_PROTOCOL)) return refuse(fail('bridge_token'))
    // What leads anywhere else would be a way into the network behind it.
    if (url.pathname !== '/v1' || url.searchParams.get('address') !== target)
      return refuse(fail('bridge_address'))
    const leave = places.enter(addressOf(request))
    if (!leave) return refuse(fail('bridge_full'))
    socket.once('close', leave)
    wss.handleUpgrade(request, socket, head, (client) => join(client, target, limits, log))
  })

  const port = await listen(server, options.port, options.address)
  return {
    port,
    held: places.count,
    async stop() {
      stopping.abort(new Error('The bridge is closing'))
      const ended = [...wss.clients].map(
        (client) => new Promise<void>((resolve) => client.once('close', () => resolve())),
      )
      for (const client of wss.clients) client.close(1001)
      // A driver that doesn't answer the close is cut off.
      const cut = setTimeout(() => {
        for (const client of wss.clients) client.terminate()
      }, STOP_MS)
      await Promise.all(ended)
      clearTimeout(cut)
      await closeServer(server, STOP_MS)
    },
  }
}

/** Joins a socket of the driver with one of the target: bytes both ways, each side at the other's pace. */
function join(client: WebSocket, target: string, limits: BridgeLimits, log: Log): void {
  const [host, port] = target.split(':')
  const inside = connect(Number(port), host)
  const outside = createWebSocketStream(client)
  const late = setTimeout(() => inside.destroy(new Error('no connection in time')), limits.connectMs)
  inside.setNoDelay(true)
  inside.once('connect', () => {
    clearTimeout(late)
    inside.setTimeout(limits.idleMs, () => inside.destroy())
  })
  inside.on('error', (error) => {
    log.warn({ error }, 'the bridge has lost its target')
    client.close(1011, 'the target is away')
  })
  inside.once('close', (hadError) => {
    clearTimeout(late)
    // The last words of a server, such as its refusal, are still on their way to a driver that reads.
    if (hadError || !inside.readableEnded) return outside.destroy()
    const lingering = setTimeout(() => outside.destroy(), LINGER_MS)
    outside.once('close', () => clearTimeout(lingering))
  })
  // A driver that vanishes takes its session with it: the server rolls back what was open.
  outside.on('error', () => inside.destroy())
  outside.once('close', () => inside.destroy())
  inside.pipe(outside)
  outside.pipe(inside)
}

const addressOf = (request: IncomingMessage): string => request.socket.remoteAddress ?? ''

function tokenJudge(token: string): (given: string | undefined) => boolean {
  const wanted = Buffer.from(token)
  return (given) => {
    const shown = Buffer.from(given ?? '')
    return shown.length === wanted.length && timingSafeEqual(shown, wanted)
  }
}
