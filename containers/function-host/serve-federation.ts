/** The server for nginx-federation: peers by their forwarded certificate, WebSockets for consumers outside. Never published. */
import { timingSafeEqual } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import ipaddr from 'ipaddr.js'
import { fail, type Problem } from '#core/base/errors.ts'
import type { PeerVerifier } from '#core/platform/spiffe/open-verifier.ts'
import { type App, pathIn } from '#core/runtime/compose-app.ts'
import type { RequestFacts } from '#core/runtime/define-function.ts'
import { SOCKET_PATHS } from '#core/runtime/hold-sockets.ts'
import { requestIdOf } from '#core/runtime/open-call.ts'
import { refuseUpgrade } from '#core/runtime/refuse-upgrade.ts'
import { replyProblem } from '#core/runtime/reply-problem.ts'
import { toNode } from '#core/runtime/to-node.ts'

export interface FederationParts {
  readonly app: App
  /** What nginx-federation shows; nobody without it gets any further. */
  readonly token: string
  /** Null: no certificate is believed. */
  readonly verifier: PeerVerifier | null
  readonly newId: () => string
  readonly draining: () => boolean
}

export interface FederationServer {
  /** Does not listen yet. */
  readonly server: Server
  /** Emits 'upgrade' for WebSockets that came through the sidecar. */
  readonly upgrades: EventEmitter
  /** The client's address as the sidecar saw it. */
  readonly addressOf: (incoming: IncomingMessage) => string
}

const PREFIX = '/api/v1/federation/'
const stranger = (): Problem =>
  fail('unauthenticated', 'This port answers nginx-federation only; peers come in over the federation port.')

/** Builds it over the registry's application, of which it shows the federation routes alone. */
export function buildFederation(parts: FederationParts): FederationServer {
  const wanted = Buffer.from(parts.token)
  const isSidecar = (shown: string | undefined): boolean => {
    const given = Buffer.from(shown ?? '')
    return given.length === wanted.length && timingSafeEqual(given, wanted)
  }
  const refuse = (problem: Problem, request: Request, facts: RequestFacts) => {
    const requestId = requestIdOf(facts.header?.('x-request-id'), parts.newId)
    return replyProblem(problem, requestId, pathIn(request.url), 'problem', { 'x-request-id': requestId })
  }
  const app: App = {
    inFlight: () => parts.app.inFlight(),
    fetch(request, facts) {
      if (!isSidecar(facts.header?.('x-federation-token'))) return refuse(stranger(), request, facts)
      const path = pathIn(request.url)
      if (!path.startsWith(PREFIX))
        return refuse(fail('not_found', `There is no route ${path} here.`), request, facts)
      return parts.app.fetch(request, facts)
    },
  }
  const addressOf = ({ headers, socket }: IncomingMessage) => {
    // The sidecar writes one address, over whatever its client had sent.
    const told = String(headers['x-forwarded-for'] ?? '').trim()
    return ipaddr.isValid(told) ? told : (socket.remoteAddress ?? '0.0.0.0')
  }
  const server = toNode(app, {
    newId: parts.newId,
    draining: parts.draining,
    addressOf,
    peerOf({ headers }) {
      const certificate = headers['x-client-certificate']
      if (headers['x-client-verify'] !== 'SUCCESS' || typeof certificate !== 'string') return null
      return parts.verifier?.verifyForwarded(certificate) ?? null
    },
  })
  const upgrades = new EventEmitter()
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, rest: Buffer) => {
    const shown = request.headers['x-federation-token']
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    if (isSidecar(typeof shown === 'string' ? shown : undefined) && path === SOCKET_PATHS[0]) {
      upgrades.emit('upgrade', request, socket, rest)
      return
    }
    socket.on('error', () => socket.destroy())
    refuseUpgrade(socket, stranger(), parts.newId(), path, {})
  })
  return { server, upgrades, addressOf }
}
