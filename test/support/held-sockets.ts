/** WebSockets on a real server over a real journal, with callers by token, for tests of the sockets. */
import { createServer, type Server } from 'node:http'
import { afterAll, afterEach, expect } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import { openJournalHub } from '#core/registry/stream/open-journal-hub.ts'
import { redeemTicket } from '#core/registry/stream/redeem-ticket.ts'
import { attachSockets, type SocketPorts, type Sockets } from '#core/runtime/hold-sockets.ts'
import { addressReader, listen } from '#core/runtime/to-node.ts'
import { callers as known } from './app.ts'
import { journalOf } from './journal.ts'
import { openSocket, type TestSocket } from './socket.ts'
import { startSystem } from './system.ts'

export const ALICE = '01900000-0000-7000-8000-000000000001'
export const BOB = '01900000-0000-7000-8000-000000000003'

export interface HeldServer {
  readonly server: Server
  readonly sockets: Sockets
  /** ws://127.0.0.1:<port> */
  readonly base: string
}

/** Starts one; it ends after the file's tests, and its clients after each. */
export async function holdSockets() {
  const system = await startSystem({
    PUBLIC_URL: 'https://registry.example.com',
    PUBLIC_URL_ALIASES: 'https://old.example.com',
  })
  const { registry } = system
  /** Callers by token. */
  const callers: Record<string, Caller> = {
    ...known,
    bob: { ...(known.dev as Extract<Caller, { kind: 'developer' }>), account: BOB, email: 'bob@example.com' },
  }
  const revoked = new Set<string>()
  const feed = openJournalHub(registry)
  const opened: TestSocket[] = []

  /** A further server with other ports. */
  const start = async (more: Partial<SocketPorts> = {}): Promise<HeldServer> => {
    const server = createServer((_request, response) => response.writeHead(404).end())
    const sockets = attachSockets(server, {
      feed,
      authenticate: async (token) => (revoked.has(token) ? null : (callers[token] ?? null)),
      redeemTicket: (ticket) => redeemTicket(registry, ticket),
      publicUrls: [system.config.PUBLIC_URL, ...system.config.PUBLIC_URL_ALIASES.split(',')],
      coordination: registry.coordination,
      tierOf: () => ({ name: 'authenticated', perMinute: 1_000_000 }),
      addressOf: addressReader(),
      newId: () => crypto.randomUUID(),
      now: registry.clock.now,
      random: registry.random,
      log: registry.log,
      ...more,
    })
    return { server, sockets, base: `ws://127.0.0.1:${await listen(server, 0, '127.0.0.1')}` }
  }
  const { server, sockets, base } = await start()

  const connect = async (token: string, path = '/ws/events', at = base): Promise<TestSocket> => {
    const socket = await openSocket(`${at}${path}`, { headers: { authorization: `Bearer ${token}` } })
    opened.push(socket)
    return socket
  }
  afterEach(() => {
    for (const { socket } of opened.splice(0)) socket.terminate()
    revoked.clear()
  })
  afterAll(async () => {
    await sockets.close(1)
    server.close()
    await feed.close()
  })
  return { system, registry, journal: journalOf(registry), callers, revoked, opened, base, start, connect }
}

export const isHello = ({ type }: { type: string }) => type === 'hello'
export const indexes = (frames: { index?: number }[]) => frames.map(({ index }) => index)

/** Waits until the server has taken all frames sent so far: a malformed one is answered in its turn. */
export async function settled(socket: TestSocket): Promise<void> {
  socket.send('?')
  expect(await socket.next(({ type }) => type === 'error')).toEqual({
    type: 'error',
    code: 'malformed_frame',
  })
}
