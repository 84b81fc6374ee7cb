import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'

const server = toNode(
  { fetch: () => new Response('ok') },
  { newId: () => '01900000-0000-7000-8000-000000000001' },
)
let port = 0
beforeAll(async () => {
  port = await listen(server, 0, '127.0.0.1')
})
afterAll(() => closeServer(server, 1000))

async function answerTo(bytes: string) {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n')
  return { head, problem: body ? JSON.parse(body) : null }
}

describe('what node can not read as a request', () => {
  test('with too long an address or headers is answered 431 headers_too_large, with the bound', async () => {
    for (const request of [
      `GET /x?q=${'y'.repeat(20_000)} HTTP/1.1\r\nHost: h\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: h\r\nx-long: ${'y'.repeat(20_000)}\r\n\r\n`,
    ]) {
      const { head, problem } = await answerTo(request)
      expect(head).toMatch(/^HTTP\/1.1 431 /)
      expect(head).toContain('content-type: application/problem+json')
      expect(problem).toMatchObject({ status: 431, code: 'headers_too_large' })
      expect(problem.detail).toContain('16384 bytes')
      expect(head).toContain(`x-request-id: ${problem.request_id}`)
    }
  })

  test('and what is malformed is answered 400 validation_failed', async () => {
    const { head, problem } = await answerTo('NONSENSE\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 400 /)
    expect(problem).toMatchObject({ status: 400, code: 'validation_failed' })
    expect(problem.errors[0].code).toBe('malformed_http')
  })
})
