/** The SDK's transport against a real HTTP server that misbehaves as told. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { Ninefold, NinefoldError } from '../../sdk/src/index.ts'

interface Seen {
  method: string
  url: string
  key: string | undefined
  token: string | undefined
  body: string
}
type Answer = (request: IncomingMessage, response: ServerResponse) => void

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A server that gives its answers in turn, the last one for ever. */
async function serve(...answers: Answer[]) {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { method = '', url = '', headers } = request
    seen.push({ method, url, key: headers['idempotency-key'] as string, token: headers.authorization, body })
    answers[Math.min(seen.length, answers.length) - 1]?.(request, response)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { baseUrl, seen, server, client: new Ninefold({ baseUrl, token: 'nfk_test', retryDelayMs: 1 }) }
}

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }
const problem = (status: number, code: string) =>
  json(status, {
    code,
    status,
    detail: 'words',
    request_id: 'r-1',
    errors: [{ pointer: '/a', code: 'b', detail: 'c' }],
  })
const hangUp: Answer = (request) => request.socket.destroy()

const order = { from_agent: 'a', to_agent: 'b', amount: '1' }

describe('a request', () => {
  test('carries the token, the body and the query under /api/v1', async () => {
    const { client, seen } = await serve(json(200, { items: [], next_cursor: null }))
    await client.agents.list({ mine: true, limit: 5 })
    expect(seen[0]).toMatchObject({
      method: 'GET',
      url: '/api/v1/agents?mine=true&limit=5',
      token: 'Bearer nfk_test',
    })
  })

  test('resolves to undefined for 204', async () => {
    const { client } = await serve((_request, response) => response.writeHead(204).end())
    expect(await client.auth.logout()).toBeUndefined()
  })

  test('throws a NinefoldError with code, status, detail, request_id and faulty fields', async () => {
    const { client } = await serve(problem(422, 'insufficient_funds'))
    const error = await client.transfers.send(order).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NinefoldError)
    expect(error).toMatchObject({
      code: 'insufficient_funds',
      status: 422,
      detail: 'words',
      request_id: 'r-1',
      errors: [{ pointer: '/a', code: 'b', detail: 'c' }],
    })
  })

  test('throws a NinefoldError for an answer that is not of the registry', async () => {
    const { client } = await serve((_request, response) => response.writeHead(413).end('<html>'))
    await expect(client.transfers.send(order)).rejects.toMatchObject({ code: 'http_413', status: 413 })
  })
})

describe('sending again', () => {
  test.each([
    ['a lost connection', hangUp],
    ['503 overloaded', problem(503, 'overloaded')],
    ['504 outcome_unknown', problem(504, 'outcome_unknown')],
    ['409 idempotency_in_flight', problem(409, 'idempotency_in_flight')],
  ])('happens after %s, with the same Idempotency-Key', async (_name, first) => {
    const { client, seen } = await serve(first, json(201, { id: 't' }))
    expect(await client.transfers.send(order)).toEqual({ id: 't' })
    expect(seen).toHaveLength(2)
    expect(seen[0]?.key).toMatch(/^[\x21-\x7e]{1,128}$/)
    expect(seen[1]).toEqual(seen[0])
  })

  test('uses the key that the caller gives, and a new one for each call without', async () => {
    const { client, seen } = await serve(json(201, { id: 't' }))
    await client.transfers.send(order, { idempotencyKey: 'order-7' })
    await client.transfers.send(order)
    await client.transfers.send(order)
    expect(seen[0]?.key).toBe('order-7')
    expect(seen[1]?.key).not.toBe(seen[2]?.key)
  })

  test('stops after attemptsMax and throws what the last attempt got', async () => {
    const { client, seen } = await serve(problem(503, 'teg_unavailable'))
    await expect(client.transfers.send(order)).rejects.toMatchObject({ code: 'teg_unavailable', status: 503 })
    expect(seen).toHaveLength(4)
  })

  test('throws unreachable when no answer ever comes', async () => {
    const { client, seen } = await serve(hangUp)
    await expect(client.agents.read('a')).rejects.toMatchObject({ code: 'unreachable', status: 0 })
    expect(seen).toHaveLength(4)
  })

  test.each([
    ['a refusal, 422', problem(422, 'same_agent')],
    ['429 with a long Retry-After', json(429, { code: 'rate_limited' }, { 'retry-after': '60' })],
  ])('does not happen after %s', async (_name, answer) => {
    const { client, seen } = await serve(answer)
    await expect(client.transfers.send(order)).rejects.toBeInstanceOf(NinefoldError)
    expect(seen).toHaveLength(1)
  })

  test('does not happen for PUT, whose first attempt may have changed what If-Match names', async () => {
    const { client, seen } = await serve(problem(504, 'outcome_unknown'))
    await expect(client.agents.updateCard('a', {}, '"1"')).rejects.toMatchObject({ status: 504 })
    expect(seen).toHaveLength(1)
  })

  test('ends at once when the signal is aborted', async () => {
    const controller = new AbortController()
    const { client, seen } = await serve(() => controller.abort(new Error('enough')))
    await expect(client.request('GET', '/agents', { signal: controller.signal })).rejects.toThrow('enough')
    expect(seen).toHaveLength(1)
  })
})

describe('the live stream', () => {
  test('resumes after the last event given when a connection is lost, and answers pings', async () => {
    const { client, server, seen } = await serve(json(200, { ticket: 'nft_1', expires_in: 30 }))
    const asked: unknown[] = []
    const sockets = new WebSocketServer({ server })
    let connections = 0
    sockets.on('connection', (socket, request) => {
      const turn = ++connections
      asked.push(request.url)
      socket.send(JSON.stringify({ type: 'hello', connection_id: 'c', head: 40, limits: {} }))
      socket.on('message', (data) => {
        const frame = JSON.parse(String(data))
        asked.push(frame)
        if (frame.type !== 'subscribe') return socket.close()
        socket.send(
          JSON.stringify({ type: 'event', index: 40 + turn, event: { type: 'transfer.completed', n: turn } }),
        )
        if (turn === 1) socket.send(JSON.stringify({ type: 'ping' }))
      })
    })
    const controller = new AbortController()
    const got: number[] = []
    for await (const { index } of client.events.subscribe({
      types: ['transfer.*'],
      signal: controller.signal,
    })) {
      got.push(index)
      if (got.length === 2) controller.abort()
    }
    sockets.close()
    expect(got).toEqual([41, 42])
    expect(seen.map(({ method, url }) => `${method} ${url}`)).toEqual(
      Array(2).fill('POST /api/v1/events/ticket'),
    )
    expect(asked).toEqual([
      '/ws/events?ticket=nft_1',
      { type: 'subscribe', types: ['transfer.*'], after: 40 },
      { type: 'pong' },
      '/ws/events?ticket=nft_1',
      { type: 'subscribe', types: ['transfer.*'], after: 41 },
    ])
  })

  test('ends with 401 unauthenticated when no ticket is given', async () => {
    const { client } = await serve(problem(401, 'unauthenticated'))
    await expect(client.events.subscribe().next()).rejects.toMatchObject({
      code: 'unauthenticated',
      status: 401,
    })
  })
})

describe('webhooks', () => {
  test('each method speaks its route', async () => {
    const { client, seen } = await serve(...Array.from({ length: 10 }, () => json(200, {})))
    const wish = { url: 'https://example.com/', types: ['>'] }
    await client.webhooks.create(wish)
    await client.webhooks.list({ limit: 2 })
    await client.webhooks.read('w')
    await client.webhooks.change('w', { status: 'disabled' })
    await client.webhooks.test('w')
    await client.webhooks.rotateSecret('w', 60)
    await client.webhooks.deliveries('w', { state: 'failed' })
    await client.webhooks.retry('d')
    await client.webhooks.replay('w', { from: 1, to: 2 })
    await client.webhooks.remove('w')
    expect(seen.map(({ method, url }) => `${method} ${url.replace('/api/v1/webhooks', '')}`)).toEqual([
      'POST ',
      'GET ?limit=2',
      'GET /w',
      'PATCH /w',
      'POST /w/test',
      'POST /w/rotate-secret',
      'GET /w/deliveries?state=failed',
      'POST /deliveries/d/retry',
      'POST /w/replay',
      'DELETE /w',
    ])
  })
})
