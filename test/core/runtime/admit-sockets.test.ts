import { describe, expect, test } from 'vitest'
import { issueTicket } from '#core/registry/stream/issue-ticket.ts'
import { holdSockets, isHello } from '#test/support/held-sockets.ts'
import { openSocket, type TestSocket } from '#test/support/socket.ts'

const { base, connect, journal, opened, registry, revoked, start, system } = await holdSockets()

describe('WS /ws/events before the upgrade', () => {
  test('answers 401 unauthenticated without a bearer token or ticket', async () => {
    await expect(openSocket(`${base}/ws/events`)).rejects.toMatchObject({
      status: 401,
      headers: { 'content-type': 'application/problem+json', 'www-authenticate': 'Bearer' },
      body: { code: 'unauthenticated', status: 401, instance: '/ws/events' },
    })
  })

  test('answers 401 unauthenticated for a bad token and a bad ticket', async () => {
    await expect(connect('nobody')).rejects.toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    for (const ticket of ['x', `nft_${'A'.repeat(43)}`])
      await expect(openSocket(`${base}/ws/events?ticket=${ticket}`)).rejects.toMatchObject({ status: 401 })
  })

  test('answers 404 not_found at other paths', async () => {
    await expect(connect('dev', '/ws/other')).rejects.toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    })
  })

  test('answers 403 insufficient_scope for a key without events:read', async () => {
    await expect(connect('keyed')).rejects.toMatchObject({
      status: 403,
      body: { code: 'insufficient_scope' },
    })
  })

  test.each([
    'https://evil.example.com',
    'http://registry.example.com',
    'https://registry.example.com:8443',
    'null',
  ])('answers 403 origin_not_allowed for Origin %s', async (origin) => {
    const headers = { authorization: 'Bearer dev', origin }
    await expect(openSocket(`${base}/ws/events`, { headers })).rejects.toMatchObject({
      status: 403,
      body: { code: 'origin_not_allowed' },
    })
  })

  test.each(['https://registry.example.com', 'https://old.example.com'])(
    'takes Origin %s',
    async (origin) => {
      const socket = await openSocket(`${base}/ws/events`, {
        headers: { authorization: 'Bearer dev', origin },
      })
      opened.push(socket)
      expect((await socket.next(isHello)).type).toBe('hello')
    },
  )

  test('answers 429 rate_limited beyond the tier', async () => {
    const tight = await start({ tierOf: () => ({ name: 'tight', perMinute: 1 }) })
    await connect('ops', '/ws/events', tight.base)
    await expect(connect('ops', '/ws/events', tight.base)).rejects.toMatchObject({
      status: 429,
      body: { code: 'rate_limited' },
      headers: { 'ratelimit-policy': '"tight";q=1;w=60' },
    })
    await tight.sockets.close(1)
    tight.server.close()
  })

  test('answers 429 stream_limit beyond 20 streams of a caller, and a closed one makes room', async () => {
    const held: TestSocket[] = []
    for (let i = 0; i < 20; i++) held.push(await connect('bob'))
    await expect(connect('bob')).rejects.toMatchObject({ status: 429, body: { code: 'stream_limit' } })
    await expect(connect('dev')).resolves.toBeDefined()
    held[0]?.socket.terminate()
    await expect
      .poll(
        () =>
          connect('bob').then(
            () => true,
            () => false,
          ),
        { interval: 20 },
      )
      .toBe(true)
  })

  test('a ticket opens one socket, once, and not after 30 seconds', async () => {
    const { ticket, expires_in } = await issueTicket(journal.open(), 'dev')
    expect(expires_in).toBe(30)
    const kept = await registry.db.query<{ sealed_credential: string }>(
      'select * from registry.event_tickets',
    )
    expect(JSON.stringify(kept)).not.toContain(ticket.slice(4))
    const socket = await openSocket(`${base}/ws/events?ticket=${ticket}`)
    opened.push(socket)
    expect((await socket.next(isHello)).type).toBe('hello')
    await expect(openSocket(`${base}/ws/events?ticket=${ticket}`)).rejects.toMatchObject({ status: 401 })
    const late = await issueTicket(journal.open(), 'dev')
    system.clock.advance(30_000)
    await expect(openSocket(`${base}/ws/events?ticket=${late.ticket}`)).rejects.toMatchObject({ status: 401 })
    const revokedSince = await issueTicket(journal.open(), 'dev')
    revoked.add('dev')
    await expect(openSocket(`${base}/ws/events?ticket=${revokedSince.ticket}`)).rejects.toMatchObject({
      status: 401,
    })
  })
})
