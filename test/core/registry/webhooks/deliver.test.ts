import { createPublicKey, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RETRY_SECONDS } from '#core/registry/webhooks/rules.ts'
import type { TestDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'
import { startWebhooks } from '#test/support/webhooks.ts'

const world = await startWebhooks()
const { system, sink, tell, queue, deliver, make } = world
const { api, clock } = system
let alice: TestDeveloper
let bob: TestDeveloper

beforeAll(async () => {
  // The receivers' package compares with the real time.
  clock.set(new Date())
  alice = await world.developer()
  bob = await world.developer()
  await tell()
  await queue()
})
beforeEach(async () => {
  sink.reset()
  await world.clear(alice.token)
  await world.clear(OPERATOR_KEY)
})

const run = async () => {
  await queue()
  return deliver()
}
const deliveries = async (id: string, token = alice.token) =>
  (await api.get(`/webhooks/${id}/deliveries`, { token })).body.items
const read = async (id: string) => (await api.get(`/webhooks/${id}`, { token: alice.token })).body
const indexes = () => sink.received.map(({ index }) => index)

/** Verifies v1a as a receiver does that has the public key only. */
function verifiesV1a(publicKey: string, id: string, timestamp: string, body: string, header: string) {
  const x = Buffer.from(publicKey.replace('whpk_', ''), 'base64').toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return header
    .split(' ')
    .filter((one) => one.startsWith('v1a,'))
    .some((one) =>
      verify(null, Buffer.from(`${id}.${timestamp}.${body}`), key, Buffer.from(one.slice(4), 'base64')),
    )
}

describe('a delivery', () => {
  test('is the event with its index, signed so that the package standardwebhooks takes it, and by Ed25519 too', async () => {
    const webhook = await make(alice.token, { types: ['agent.*'] })
    const head = await tell({ type: 'agent.updated', data: { n: 1 } }, { type: 'stake.opened' })
    expect(await run()).toEqual({ delivered: 1, failed: 0 })
    expect(sink.received).toHaveLength(1)
    const [{ headers, body, id } = sink.received[0] as never] = sink.received
    const verified = new Webhook(webhook.secret).verify(body, headers as Record<string, string>)
    expect(verified).toMatchObject({
      specversion: '1.0',
      id,
      type: 'agent.updated',
      timestamp: clock.now().toISOString(),
      index: head - 1,
      data: { n: 1 },
    })
    expect(headers['content-type']).toBe('application/cloudevents+json')
    const [timestamp, signature] = [
      String(headers['webhook-timestamp']),
      String(headers['webhook-signature']),
    ]
    expect(verifiesV1a(webhook.public_key, id, timestamp, body, signature)).toBe(true)
    expect(verifiesV1a(webhook.public_key, id, timestamp, `${body} `, signature)).toBe(false)
    expect(() => new Webhook(webhook.secret).verify(`${body} `, headers as Record<string, string>)).toThrow()
  })

  test('is made once per webhook and index, also when the reactor takes the journal again', async () => {
    const webhook = await make(alice.token)
    const head = await tell({}, {})
    await run()
    await api.post('/operator/reactors/queue-webhooks/replay', { from: 1 }, { token: OPERATOR_KEY })
    await run()
    expect(indexes().sort((a, b) => a - b)).toEqual([head - 1, head])
    expect(await deliveries(webhook.id)).toHaveLength(2)
  })

  test('holds only what the owner of the webhook may see; operators get everything', async () => {
    await make(alice.token, { url: sink.url('/alice') })
    await make(OPERATOR_KEY, { url: sink.url('/ops') })
    const head = await tell(
      { audience: [alice.account] },
      { audience: [bob.account] },
      { audience: [] },
      { audience: null },
    )
    await run()
    const seenAt = (path: string) =>
      sink
        .at(path)
        .map(({ index }) => index - head + 4)
        .sort()
    expect(seenAt('/alice')).toEqual([1, 4])
    expect(seenAt('/ops')).toEqual([1, 2, 3, 4])
  })

  test('tells of nothing from before the webhook, and follows changed types from then on', async () => {
    await tell({ type: 'agent.updated' })
    const webhook = await make(alice.token, { types: ['agent.updated'] })
    await run()
    expect(sink.received).toEqual([])
    await api.patch(`/webhooks/${webhook.id}`, { types: ['agent.retired'] }, { token: alice.token })
    const head = await tell({ type: 'agent.updated' }, { type: 'agent.retired' })
    await run()
    expect(indexes()).toEqual([head])
  })

  test('is logged with each attempt: status, time taken, class of error, the beginning of a failing answer', async () => {
    const webhook = await make(alice.token)
    await tell({})
    sink.answer = (_request, response) => response.writeHead(500).end(`no\u0000pe ${'x'.repeat(9000)}`)
    await run()
    sink.answer = (_request, response) => response.writeHead(200).end('thanks for the secret')
    clock.advance(10_000)
    await run()
    const [delivery] = await deliveries(webhook.id)
    expect(delivery).toMatchObject({ state: 'delivered', attempts: 2, next_attempt_at: null })
    expect(delivery.log.map(({ number, status, error }: never) => [number, status, error])).toEqual([
      [1, 500, 'http_5xx'],
      [2, 200, null],
    ])
    expect(delivery.log[0].excerpt).toMatch(/^no pe x+$/)
    expect(delivery.log[0].excerpt.length).toBe(500)
    expect(delivery.log[1].excerpt).toBeNull()
    expect(delivery.log[0].duration_ms).toBeGreaterThanOrEqual(0)
  })
})

describe('a failing endpoint', () => {
  test('is tried ten times over about 75 hours, always under the same webhook-id, then the delivery is given up', async () => {
    const webhook = await make(alice.token)
    await tell({})
    await queue()
    sink.answer = (_request, response) => response.writeHead(500).end()
    let waited = 0
    for (const seconds of RETRY_SECONDS) {
      await deliver()
      const [{ next_attempt_at: next, created_at: created }] = await deliveries(webhook.id)
      const wait = (Date.parse(next) - clock.now().getTime()) / 1000
      expect(wait).toBeGreaterThanOrEqual(seconds * 0.9 - 1)
      expect(wait).toBeLessThanOrEqual(seconds * 1.1 + 1)
      expect(Date.parse(created)).toBeLessThanOrEqual(clock.now().getTime())
      clock.advance(wait * 1000 - 1000)
      const before = sink.received.length
      await deliver()
      expect(sink.received).toHaveLength(before)
      // The breaker's pause may be longer than a first wait.
      clock.advance(3_601_000)
      waited += wait
    }
    await deliver()
    expect(waited / 3600).toBeGreaterThan(67)
    expect(waited / 3600).toBeLessThan(84)
    const [delivery] = await deliveries(webhook.id)
    expect(delivery).toMatchObject({ state: 'failed', attempts: 10, next_attempt_at: null })
    expect(new Set(sink.received.map(({ id }) => id)).size).toBe(1)
    clock.advance(86_400_000)
    expect(await deliver()).toEqual({ delivered: 0, failed: 0 })
  })

  test('is signed at the time of each attempt', async () => {
    const webhook = await make(alice.token)
    await tell({})
    clock.set(new Date())
    sink.answer = (_request, response) => response.writeHead(502).end()
    await run()
    clock.advance(60_000)
    await deliver()
    const [first, second] = sink.received
    expect(Number(second?.headers['webhook-timestamp'])).toBe(
      Number(first?.headers['webhook-timestamp']) + 60,
    )
    expect(second?.headers['webhook-signature']).not.toBe(first?.headers['webhook-signature'])
    new Webhook(webhook.secret).verify(second?.body ?? '', second?.headers as Record<string, string>)
  })

  test('is believed in Retry-After up to a day, by seconds and by date; with 429 for the whole endpoint', async () => {
    const webhook = await make(alice.token)
    await tell({}, {})
    await queue()
    sink.answer = (_request, response) => response.writeHead(429, { 'retry-after': '900' }).end()
    await deliver()
    const sent = sink.received.length
    expect(sent).toBeLessThanOrEqual(2)
    const paused = Date.parse((await read(webhook.id)).paused_until)
    expect((paused - clock.now().getTime()) / 1000).toBeCloseTo(900, 0)
    clock.advance(890_000)
    await deliver()
    expect(sink.received).toHaveLength(sent)
    clock.advance(20_000)
    const date = new Date(clock.now().getTime() + 7200_000).toUTCString()
    sink.answer = (_request, response) => response.writeHead(503, { 'retry-after': date }).end()
    await deliver()
    const until = Date.parse((await read(webhook.id)).paused_until)
    expect(Math.abs(until - Date.parse(date))).toBeLessThan(2000)
    clock.advance(7200_000)
    sink.answer = (_request, response) => response.writeHead(503, { 'retry-after': '99999999' }).end()
    await deliver()
    const longest = Date.parse((await read(webhook.id)).paused_until)
    expect((longest - clock.now().getTime()) / 1000).toBeCloseTo(86_400, -1)
  })

  test('is disabled by 410 at once, with a notice by mail and an event that its owner alone sees', async () => {
    const webhook = await make(alice.token)
    await tell({}, {})
    sink.answer = (_request, response) => response.writeHead(410).end()
    system.woken.length = 0
    await run()
    expect(await read(webhook.id)).toMatchObject({ status: 'disabled', disabled: { reason: 'gone' } })
    expect(system.woken).toEqual(expect.arrayContaining(['mail', 'relay']))
    const mails = await system.registry.db.query(
      `select 1 from registry.mails where kind = 'webhook_gone' and recipient = $1`,
      [alice.email],
    )
    expect(mails).toHaveLength(1)
    const head = await tell({})
    const sent = sink.received.length
    clock.advance(3_600_000)
    await run()
    expect(sink.received).toHaveLength(sent)
    const seen = async (token: string) =>
      (await api.get('/events', { token, query: { after: String(head - 3), types: 'webhook.*' } })).body.items
    expect((await seen(alice.token)).map(({ event }: never) => (event as { data: object }).data)).toEqual([
      { webhook: webhook.id, reason: 'gone' },
    ])
    expect(await seen(bob.token)).toEqual([])
  })

  test('is not followed in a redirect: that is a failure', async () => {
    const webhook = await make(alice.token)
    await tell({})
    sink.answer = (_request, response) => response.writeHead(302, { location: sink.url('/there') }).end()
    await run()
    expect(sink.received.map(({ path }) => path)).toEqual(['/'])
    const [delivery] = await deliveries(webhook.id)
    expect(delivery.log[0]).toMatchObject({ status: 302, error: 'http_3xx' })
  })

  test('gets a pause after five failures in a row, then one probe, and everything once that has arrived', async () => {
    const webhook = await make(alice.token)
    await tell(...Array.from({ length: 40 }, () => ({})))
    await queue()
    sink.answer = (_request, response) => response.writeHead(500).end()
    await deliver()
    // Requests at work when the breaker opens still end.
    const first = sink.received.length
    expect(first).toBeGreaterThanOrEqual(5)
    expect(first).toBeLessThanOrEqual(12)
    expect((await read(webhook.id)).paused_until).not.toBeNull()
    clock.advance(29_000)
    await deliver()
    expect(sink.received).toHaveLength(first)
    clock.advance(3_600_000)
    await deliver()
    expect(sink.received).toHaveLength(first + 1)
    clock.advance(3_600_000)
    sink.answer = (_request, response) => response.writeHead(200).end()
    await deliver()
    expect(await read(webhook.id)).toMatchObject({ failures: 0, failing_since: null, paused_until: null })
    expect((await deliveries(webhook.id)).every(({ state }: never) => state === 'delivered')).toBe(true)
  })

  test('is disabled when it has only failed for five days, not before, and a success in between counts', async () => {
    const webhook = await make(alice.token)
    const fail = async () => {
      await tell({})
      sink.answer = (_request, response) => response.writeHead(500).end()
      await run()
    }
    await fail()
    clock.advance(4 * 86_400_000)
    await fail()
    expect(await read(webhook.id)).toMatchObject({ status: 'active' })
    sink.answer = (_request, response) => response.writeHead(200).end()
    clock.advance(3_600_000)
    await run()
    expect(await read(webhook.id)).toMatchObject({ failures: 0, failing_since: null })
    await fail()
    clock.advance(5 * 86_400_000 - 60_000)
    await fail()
    expect(await read(webhook.id)).toMatchObject({ status: 'active' })
    clock.advance(3_600_000)
    await fail()
    expect(await read(webhook.id)).toMatchObject({ status: 'disabled', disabled: { reason: 'failing' } })
    const kinds = await system.registry.db.query<{ kind: string }>(
      `select kind from registry.mails where kind = 'webhook_failing' and recipient = $1`,
      [alice.email],
    )
    expect(kinds).toHaveLength(1)
  })
})
