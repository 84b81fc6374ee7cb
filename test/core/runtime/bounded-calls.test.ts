import { connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fail } from '#core/base/errors.ts'
import type { Context } from '#core/platform/context.ts'
import { rowsOf } from '#core/runtime/define-function.ts'
import { refuseUpgrade } from '#core/runtime/refuse-upgrade.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { testApp } from '#test/support/app.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
const { get, post } = rowsOf<Context>()
const Body = z.strictObject({ name: z.string() })
const late = Promise.withResolvers<never>()
const { app } = await testApp(db, {
  timeoutSeconds: 0.2,
  rows: [
    post('/echo', { summary: 'x', callers: 'public', body: Body, reply: Body }, ({ body }) => body),
    get('/late', { summary: 'x', callers: 'public' }, () => late.promise),
  ],
})
const server = toNode(app, { newId: () => 'id' })
const port = await listen(server, 0, '127.0.0.1')
afterAll(() => closeServer(server, 100))

/** Sends raw bytes and never closes its own side. @returns what came and when the server ended */
function speak(text: string, to = port): { socket: Socket; ended: Promise<string> } {
  const socket = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true })
  let got = ''
  socket.on('data', (data) => {
    got += String(data)
  })
  socket.on('error', () => undefined)
  socket.write(text)
  return { socket, ended: new Promise((resolve) => socket.once('end', () => resolve(got))) }
}

describe('a request that does not come to its end', () => {
  test('answers 504 timed_out when the body never ends, and is no longer at work then', async () => {
    const { socket, ended } = speak(
      'POST /api/v1/test/echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{',
    )
    const first = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))))
    expect(first).toMatch(/^HTTP\/1\.1 504 /)
    expect(app.inFlight()).toBe(0)
    socket.destroy()
    void ended
  })

  test('leaves no unhandled rejection when its work fails after the answer', async () => {
    const heard: unknown[] = []
    const unhandled = (error: unknown) => heard.push(error)
    process.on('unhandledRejection', unhandled)
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/test/late`)
    expect(answer.status).toBe(504)
    late.reject(new Error('much too late'))
    await turn()
    await turn()
    process.off('unhandledRejection', unhandled)
    expect(heard).toEqual([])
  })
})

describe('a refused upgrade', () => {
  test('gives its connection back although the client keeps its side open', async () => {
    const other = toNode(app, { newId: () => 'id' })
    other.on('upgrade', (_request, socket) => refuseUpgrade(socket, fail('not_found'), 'id', '/', {}))
    const { socket, ended } = speak(
      'GET /nope HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
      await listen(other, 0, '127.0.0.1'),
    )
    expect(await ended).toMatch(/^HTTP\/1\.1 404 /)
    const count = () => new Promise<number>((resolve) => other.getConnections((_error, n) => resolve(n)))
    await expect.poll(count).toBe(0)
    socket.destroy()
    await closeServer(other, 50)
  })
})

describe('closing a server', () => {
  test('ends at its deadline although an upgraded connection stays', async () => {
    const other = toNode(app, { newId: () => 'id' })
    const taken = new Promise<void>((resolve) => other.once('upgrade', () => resolve()))
    const otherPort = await listen(other, 0, '127.0.0.1')
    const socket = connect({ port: otherPort, host: '127.0.0.1', allowHalfOpen: true })
    socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    await taken
    await closeServer(other, 50)
    expect(other.listening).toBe(false)
    socket.destroy()
  })
})
