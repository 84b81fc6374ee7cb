import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { readConfig } from '#core/platform/config.ts'
import { silentLog } from '#core/platform/log-fields.ts'
import { type Bridge, type BridgeOptions, bridgeOf, serveBridge } from '#host/bridge/serve-bridge.ts'

const TOKEN = 'token-of-the-bridge-in-tests-0123456789'
const MB = 1024 * 1024

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A TCP server in the place of the database: what it does with a connection is the test's. */
async function openTarget(serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    serve(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `127.0.0.1:${(server.address() as { port: number }).port}`
}

async function bridgeTo(target: string, options: Partial<BridgeOptions> = {}): Promise<Bridge> {
  const given = { token: TOKEN, connections: 10, port: 0, address: '127.0.0.1', log: silentLog }
  const bridge = await serveBridge({ target, newId: () => 'id', ...given, ...options })
  cleanups.push(() => bridge.stop())
  return bridge
}

function dial(bridge: Bridge, target: string): WebSocket {
  const url = `ws://127.0.0.1:${bridge.port}/v1?address=${target}`
  const socket = new WebSocket(url, ['ninefold-bridge', `token.${TOKEN}`])
  socket.on('error', () => undefined)
  cleanups.push(() => socket.terminate())
  return socket
}
const closed = (socket: WebSocket) => new Promise<number>((resolve) => socket.once('close', resolve))

/** Counts what comes; resolves when so many bytes are there. */
function readBytes(socket: WebSocket, wanted: number): Promise<number> {
  let bytes = 0
  return new Promise((resolve) =>
    socket.on('message', (data: Buffer) => {
      bytes += data.length
      if (bytes >= wanted) resolve(bytes)
    }),
  )
}

describe('the bridge', () => {
  test('is off by default, and with a token alone; a port alone is refused', () => {
    const database = { DATABASE_URL: 'postgres://u:p@db.example/registry', TEG_SERVICE_TOKEN: TOKEN }
    expect(bridgeOf(readConfig(database))).toBe(null)
    expect(bridgeOf(readConfig({ ...database, NEON_BRIDGE_TOKEN: TOKEN }))).toBe(null)
    expect(() => readConfig({ ...database, NEON_BRIDGE_PORT: '6500' })).toThrow('NEON_BRIDGE_TOKEN')
    const wanted = { NEON_BRIDGE_PORT: '6500', NEON_BRIDGE_TOKEN: TOKEN }
    const on = { token: TOKEN, connections: 50, port: 6500 }
    expect(bridgeOf(readConfig({ ...database, ...wanted }))).toEqual({ ...on, target: 'db.example:5432' })
    const other = { ...database, ...wanted, NEON_BRIDGE_TARGET: 'pgbouncer:6432' }
    expect(bridgeOf(readConfig(other))).toEqual({ ...on, target: 'pgbouncer:6432' })
  })

  test('ends a connection on which nothing passes', async () => {
    const target = await openTarget(() => undefined)
    const bridge = await bridgeTo(target, { limits: { idleMs: 100 } })
    await closed(dial(bridge, target))
    await expect.poll(bridge.held).toBe(0)
  })

  test('holds back a server whose client never reads, while others read on, and ends it as idle', async () => {
    const total = 128 * MB
    const sent: Socket[] = []
    const target = await openTarget((socket) => {
      sent.push(socket)
      const chunk = Buffer.alloc(MB)
      let left = total
      const more = () => {
        while (left > 0) {
          left -= chunk.length
          if (!socket.write(chunk)) return void socket.once('drain', more)
        }
      }
      more()
    })
    const bridge = await bridgeTo(target, { limits: { idleMs: 2_000 } })
    const deaf = dial(bridge, target)
    await new Promise((resolve) => deaf.once('open', resolve))
    deaf.pause()
    // Another client is given everything meanwhile: time was there.
    expect(await readBytes(dial(bridge, target), total)).toBe(total)
    const [first] = sent as [Socket]
    expect(first.bytesWritten - first.writableLength).toBeLessThan(total / 2)
    // The server's side is ended by the bridge, and with it the session's transaction and locks.
    await new Promise<void>((resolve) => (first.destroyed ? resolve() : first.once('close', () => resolve())))
    expect(first.bytesWritten - first.writableLength).toBeLessThan(total / 2)
    await expect.poll(bridge.held).toBe(0)
  })

  test('holds back a client whose server never reads', async () => {
    const sockets: Socket[] = []
    const target = await openTarget((socket) => sockets.push(socket.pause()))
    const bridge = await bridgeTo(target)
    const client = dial(bridge, target)
    await new Promise((resolve) => client.once('open', resolve))
    const chunk = Buffer.alloc(MB)
    for (let i = 0; i < 64; i++) client.send(chunk)
    // What the bridge would have taken it has taken when another client has had an answer to each of its words.
    await expect.poll(() => sockets.length).toBe(1)
    const echo = await openTarget((socket) => socket.pipe(socket))
    const other = dial(await bridgeTo(echo), echo)
    await new Promise((resolve) => other.once('open', resolve))
    const answered = readBytes(other, 64 * MB)
    for (let i = 0; i < 64; i++) other.send(chunk)
    expect(await answered).toBe(64 * MB)
    expect(client.bufferedAmount).toBeGreaterThan(32 * MB)
    const [server] = sockets as [Socket]
    let bytes = 0
    const all = new Promise<void>((resolve) =>
      server.on('data', (data) => {
        bytes += data.length
        if (bytes === 64 * MB) resolve()
      }),
    )
    server.resume()
    await all
    expect(bytes).toBe(64 * MB)
  })

  test('passes on the last words of a server that ends, however many they are', async () => {
    const target = await openTarget((socket) => socket.end(Buffer.alloc(32 * MB)))
    const bridge = await bridgeTo(target)
    const client = dial(bridge, target)
    const read = readBytes(client, 32 * MB)
    const end = closed(client)
    expect(await read).toBe(32 * MB)
    await end
    await expect.poll(bridge.held).toBe(0)
  })

  test('ends a client that sends one message beyond the bound, and its session', async () => {
    const ended: Promise<void>[] = []
    const target = await openTarget((socket) => {
      ended.push(new Promise((resolve) => socket.resume().once('close', () => resolve())))
    })
    const bridge = await bridgeTo(target)
    const client = dial(bridge, target)
    await new Promise((resolve) => client.once('open', resolve))
    await expect.poll(() => ended.length).toBe(1)
    const end = closed(client)
    client.send(Buffer.alloc(16 * MB + 1))
    expect(await end).toBe(1009)
    await ended[0]
    await expect.poll(bridge.held).toBe(0)
  })

  test('a half-made request holds no place, and an unknown method is no way in', async () => {
    const target = await openTarget(() => undefined)
    const bridge = await bridgeTo(target, { connections: 1 })
    const half = connect(bridge.port, '127.0.0.1')
    cleanups.push(() => half.destroy())
    await new Promise((resolve) => half.once('connect', resolve))
    half.write('GET /v1?address=')
    expect((await fetch(`http://127.0.0.1:${bridge.port}/sql`)).status).toBe(404)
    const client = dial(bridge, target)
    await new Promise((resolve) => client.once('open', resolve))
    expect(bridge.held()).toBe(1)
  })
})
