import { createPublicKey, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RETRY_SECONDS } from '#core/registry/webhooks/rules.ts'
import type { TestDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'
import { type Made, startWebhooks } from '#test/support/webhooks.ts'

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

describe('in ordered mode', () => {
  test('an event is sent when the one before it has arrived or is given up', async () => {
    const webhook = await make(alice.token, { ordered: true })
    const head = await tell({}, {}, {})
    await queue()
    let fails = true
    sink.answer = ({ index }, response) => response.writeHead(fails && index === head - 1 ? 500 : 200).end()
    await deliver()
    expect(indexes()).toEqual([head - 2, head - 1])
    await deliver()
    expect(indexes()).toEqual([head - 2, head - 1])
    fails = false
    clock.advance(10_000)
    await deliver()
    expect(indexes()).toEqual([head - 2, head - 1, head - 1, head])
    await tell({})
    await queue()
    // Given up: the next one goes.
    sink.answer = ({ index }, response) => response.writeHead(index === head + 1 ? 500 : 200).end()
    await tell({})
    await queue()
    for (let attempt = 0; attempt <= RETRY_SECONDS.length; attempt++) {
      await deliver()
      expect(indexes()).not.toContain(attempt < RETRY_SECONDS.length ? head + 2 : -1)
      clock.advance(96_000_000)
      if ((await read(webhook.id)).status === 'disabled')
        await api.patch(`/webhooks/${webhook.id}`, { status: 'active' }, { token: alice.token })
    }
    await deliver()
    expect(indexes().at(-1)).toBe(head + 2)
  })
})

describe('sending again', () => {
  let webhook: Made
  beforeEach(async () => {
    webhook = await make(alice.token, { types: ['agent.*'] })
  })

  test('a delivery by its id: a new round under the same webhook-id', async () => {
    await tell({})
    await run()
    const [{ id }] = await deliveries(webhook.id)
    const answer = await api.post(`/webhooks/deliveries/${id}/retry`, undefined, { token: alice.token })
    expect([answer.status, answer.body.state]).toEqual([200, 'waiting'])
    await deliver()
    expect(sink.received).toHaveLength(2)
    expect(sink.received[0]?.id).toBe(sink.received[1]?.id)
    expect((await deliveries(webhook.id))[0]).toMatchObject({ state: 'delivered', attempts: 2 })
  })

  test('a range of the journal: each event that matches and is visible, from before the webhook too, once', async () => {
    const old = await tell(
      { type: 'agent.updated' },
      { audience: [bob.account] },
      { type: 'stake.opened' },
      {},
    )
    const late = await make(alice.token, { types: ['agent.*'], url: sink.url('/late') })
    const head = await tell({})
    await run()
    expect(sink.at('/late').map(({ index }) => index)).toEqual([head])
    const path = `/webhooks/${late.id}/replay`
    const answer = await api.post(path, { from: old - 3, to: head }, { token: alice.token })
    expect([answer.status, answer.body]).toEqual([200, { from: old - 3, to: head, queued: 3 }])
    await deliver()
    expect(
      sink
        .at('/late')
        .map(({ index }) => index)
        .sort((a, b) => a - b),
    ).toEqual([old - 3, old, head, head])
    expect(await deliveries(late.id)).toHaveLength(3)
  })

  test('a range that waits already is not queued twice', async () => {
    const head = await tell({}, {})
    await queue()
    const path = `/webhooks/${webhook.id}/replay`
    const answer = await api.post(path, { from: head - 1, to: head }, { token: alice.token })
    expect(answer.body.queued).toBe(0)
    await deliver()
    expect(sink.received).toHaveLength(2)
  })

  test('answers 422 out_of_bounds to a range that is empty or too wide, 409 webhook_disabled while disabled', async () => {
    const path = `/webhooks/${webhook.id}/replay`
    for (const range of [
      { from: 5, to: 4 },
      { from: 1, to: 10_001 },
    ]) {
      const answer = await api.post(path, range, { token: alice.token })
      expect([answer.status, answer.body.code]).toEqual([422, 'out_of_bounds'])
    }
    await tell({})
    await run()
    const [{ id }] = await deliveries(webhook.id)
    await api.patch(`/webhooks/${webhook.id}`, { status: 'disabled' }, { token: alice.token })
    for (const answer of [
      await api.post(path, { from: 1, to: 2 }, { token: alice.token }),
      await api.post(`/webhooks/deliveries/${id}/retry`, undefined, { token: alice.token }),
    ])
      expect([answer.status, answer.body.code]).toEqual([409, 'webhook_disabled'])
  })
})

describe('a rotated secret', () => {
  const verifies = (secret: string) => {
    const one = sink.received.at(-1)
    try {
      new Webhook(secret).verify(one?.body ?? '', one?.headers as Record<string, string>)
      return true
    } catch {
      return false
    }
  }

  test('signs beside the former one until the overlap is over', async () => {
    clock.set(new Date())
    const webhook = await make(alice.token)
    const answer = await api.post(
      `/webhooks/${webhook.id}/rotate-secret`,
      { overlap_seconds: 60 },
      { token: alice.token },
    )
    expect(answer.status).toBe(200)
    expect(answer.body.secret).not.toBe(webhook.secret)
    expect(answer.body.public_key).not.toBe(webhook.public_key)
    await tell({})
    await run()
    expect([verifies(webhook.secret), verifies(answer.body.secret)]).toEqual([true, true])
    const { headers, body, id } = sink.received.at(-1) as (typeof sink.received)[0]
    const [timestamp, signature] = [
      String(headers['webhook-timestamp']),
      String(headers['webhook-signature']),
    ]
    for (const key of [webhook.public_key, answer.body.public_key])
      expect(verifiesV1a(key, id, timestamp, body, signature)).toBe(true)
    clock.advance(60_000)
    await tell({})
    await run()
    expect([verifies(webhook.secret), verifies(answer.body.secret)]).toEqual([false, true])
  })

  test('replaces the former one at once where no overlap is wanted', async () => {
    clock.set(new Date())
    const webhook = await make(alice.token)
    const path = `/webhooks/${webhook.id}/rotate-secret`
    const { secret } = (await api.post(path, { overlap_seconds: 0 }, { token: alice.token })).body
    await tell({})
    await run()
    expect([verifies(webhook.secret), verifies(secret)]).toEqual([false, true])
  })
})

describe('a test', () => {
  test('is sent at once and signed, to a disabled webhook too, and tells what came of it', async () => {
    clock.set(new Date())
    const webhook = await make(alice.token)
    const path = `/webhooks/${webhook.id}/test`
    const answer = await api.post(path, undefined, { token: alice.token })
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({ type: 'webhook.test', index: null, state: 'delivered' })
    const [one] = sink.received
    expect(one?.id).toBe(answer.body.event_id)
    expect(
      new Webhook(webhook.secret).verify(one?.body ?? '', one?.headers as Record<string, string>),
    ).toMatchObject({ type: 'webhook.test', data: { webhook: webhook.id } })
    await api.patch(`/webhooks/${webhook.id}`, { status: 'disabled' }, { token: alice.token })
    sink.answer = (_request, response) => response.writeHead(404).end('no such path')
    const failed = (await api.post(path, undefined, { token: alice.token })).body
    expect(failed.state).toBe('failed')
    expect(failed.log[0]).toMatchObject({ status: 404, error: 'http_4xx', excerpt: 'no such path' })
    expect(await read(webhook.id)).toMatchObject({ failures: 0 })
    const retried = await api.post(`/webhooks/deliveries/${failed.id}/retry`, undefined, {
      token: alice.token,
    })
    expect(retried.status).toBe(404)
  })
})
