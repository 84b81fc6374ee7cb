import type { ServerResponse } from 'node:http'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startDeliveries } from '#core/registry/webhooks/start-deliveries.ts'
import { tidyWebhooks } from '#core/registry/webhooks/tidy-webhooks.ts'
import webhookRetry from '#schedules/webhook-retry.ts'
import type { TestDeveloper } from '#test/support/accounts.ts'
import { quickOutbound, startWebhooks } from '#test/support/webhooks.ts'

const world = await startWebhooks()
const { system, sink, tell, queue, deliver, make, open } = world
const { api, clock } = system
let alice: TestDeveloper

beforeAll(async () => {
  alice = await world.developer()
  await tell()
  await queue()
})
beforeEach(async () => {
  sink.reset()
  await world.clear(alice.token)
})
const many = (count: number) => Array.from({ length: count }, () => ({}))
const ids = (path = '/') => sink.at(path).map(({ id }) => id)
/** Time as in production: the database's own clock, to the microsecond. */
const realTime = { time: null, clock: { now: () => new Date(), fixed: null } }

describe('several deliverers', () => {
  test('at once send each delivery of each webhook once', async () => {
    for (const path of ['/a', '/b', '/c']) await make(alice.token, { url: sink.url(path) })
    await tell(...many(150))
    await queue()
    const reports = await Promise.all([deliver(), deliver(), deliver(), deliver()])
    expect(reports.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(450)
    for (const path of ['/a', '/b', '/c']) {
      expect(sink.at(path)).toHaveLength(150)
      expect(new Set(ids(path)).size).toBe(150)
    }
  })

  test('send each once on the clock of the database too, failures among them', async () => {
    const webhook = await make(alice.token)
    await tell(...many(300))
    await queue()
    clock.advance(1000)
    const odd = new Set<string>()
    sink.answer = ({ id, index }, response) => {
      const fails = index % 100 === 0 && !odd.has(id)
      odd.add(id)
      response.writeHead(fails ? 500 : 200).end()
    }
    await Promise.all([deliver(realTime), deliver(realTime)])
    expect(sink.received).toHaveLength(300)
    expect(new Set(ids()).size).toBe(300)
    const { items } = (
      await api.get(`/webhooks/${webhook.id}/deliveries`, { token: alice.token, query: { state: 'waiting' } })
    ).body
    expect(items).toHaveLength(3)
  })

  test('leave a leased webhook alone until the lease of one that died has lapsed, then send what it had not kept', async () => {
    const webhook = await make(alice.token)
    await tell(...many(3))
    await queue()
    await system.registry.db.query(
      `update registry.webhooks set lease = lease + 1, leased_until = $2 where id = $1`,
      [webhook.id, new Date(clock.now().getTime() + 60_000)],
    )
    expect(await deliver()).toEqual({ delivered: 0, failed: 0 })
    clock.advance(60_000)
    expect(await deliver()).toEqual({ delivered: 3, failed: 0 })
  })

  test('one that has lost its lease keeps what it sent and does no more', async () => {
    const webhook = await make(alice.token)
    await tell(...many(300))
    await queue()
    let taken = false
    sink.answer = (_request, response) => {
      if (taken) return void response.writeHead(200).end()
      taken = true
      // Another process believes this one dead, and has taken over.
      void system.registry.db
        .query('update registry.webhooks set lease = lease + 1 where id = $1', [webhook.id])
        .then(() => response.writeHead(200).end())
    }
    await deliver()
    const sent = sink.received.length
    expect(sent).toBeLessThan(300)
    clock.advance(60_000)
    await deliver()
    expect(sink.received).toHaveLength(300)
    expect(new Set(ids()).size).toBe(300)
  })
})

describe('an endpoint that hangs, fails or is slow', () => {
  test('slows no other: the others get everything while it has answered nothing', async () => {
    await make(alice.token, { url: sink.url('/hangs') })
    await make(alice.token, { url: sink.url('/good') })
    await make(alice.token, { url: sink.url('/fine') })
    await tell(...many(200))
    await queue()
    const hanging: ServerResponse[] = []
    const order: string[] = []
    sink.answer = ({ path }, response) => {
      if (path === '/hangs') return void hanging.push(response)
      order.push(path)
      response.writeHead(200).end()
    }
    const running = await startDeliveries(system.registry)
    running.wake()
    await expect.poll(() => order.length, { timeout: 20_000 }).toBe(400)
    expect(hanging.length).toBeGreaterThan(0)
    // No more requests at the same time than one webhook may have.
    expect(hanging.length).toBeLessThanOrEqual(8)
    await tell({})
    await queue()
    running.wake()
    await expect.poll(() => order.length, { timeout: 20_000 }).toBe(402)
    for (const response of hanging) response.destroy()
    await running.stop()
  })

  test('that answers after its time has failed with timed_out, and one that is not there with unreachable', async () => {
    const hangs = await make(alice.token)
    const gone = await make(alice.token, { url: 'http://127.0.0.1:1/' })
    await tell({})
    await queue()
    sink.answer = () => undefined
    const outbound = quickOutbound()
    await deliver({ outbound })
    await outbound.close()
    const errors = []
    for (const { id } of [hangs, gone]) {
      const { items } = (await api.get(`/webhooks/${id}/deliveries`, { token: alice.token })).body
      errors.push(items[0].log[0].error)
    }
    expect(errors).toEqual(['timed_out', 'unreachable'])
  })

  test('with a longer answer than is read has taken the delivery all the same', async () => {
    await make(alice.token)
    await tell({})
    await queue()
    sink.answer = (_request, response) => response.writeHead(200).end('x'.repeat(1_000_000))
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 })
  })
})

describe('the loop', () => {
  test('delivers after a hint, and comes back by itself for what is due again', async () => {
    await make(alice.token)
    const running = await startDeliveries(system.registry)
    await tell({})
    await queue()
    running.wake()
    await expect.poll(() => sink.received.length, { timeout: 10_000 }).toBe(1)
    await running.stop()
    await tell({})
    await queue()
    running.wake()
    expect(sink.received).toHaveLength(1)
  })

  test('ends with nothing half kept: what was not answered when it stopped is sent again', async () => {
    await make(alice.token)
    await tell({})
    await queue()
    const stuck: ServerResponse[] = []
    sink.answer = (_request, response) => void stuck.push(response)
    const cut = new AbortController()
    const running = deliver({ signal: cut.signal })
    await expect.poll(() => stuck.length).toBe(1)
    cut.abort(new Error('stopping'))
    await running
    sink.answer = (_request, response) => response.writeHead(200).end()
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 })
    expect(new Set(ids()).size).toBe(1)
  })
})

describe('the task', () => {
  test('delivers what no loop has taken up, and drops deliveries after 30 days', async () => {
    const webhook = await make(alice.token)
    await tell({}, {})
    await queue()
    const task = () => webhookRetry.run(open(), { slot: clock.now(), epoch: 1n } as never)
    expect(await task()).toEqual({ delivered: 2, failed: 0, dropped: 0, disabled: 0 })
    clock.advance(30 * 86_400_000 + 1000)
    expect(await task()).toMatchObject({ delivered: 0, dropped: 2 })
    const { items } = (await api.get(`/webhooks/${webhook.id}/deliveries`, { token: alice.token })).body
    expect(items).toEqual([])
  })

  test('disables a webhook for which too much waits; what it missed can be replayed', async () => {
    const webhook = await make(alice.token)
    await tell(...many(6))
    await queue()
    expect(await tidyWebhooks(open(), 6)).toMatchObject({ disabled: 0 })
    expect(await tidyWebhooks(open(), 5)).toMatchObject({ disabled: 1 })
    const read = await api.get(`/webhooks/${webhook.id}`, { token: alice.token })
    expect(read.body).toMatchObject({ status: 'disabled', disabled: { reason: 'backlog' } })
    const { index } = read.body.disabled
    const head = await tell({}, {})
    await queue()
    await api.patch(`/webhooks/${webhook.id}`, { status: 'active' }, { token: alice.token })
    await api.post(`/webhooks/${webhook.id}/replay`, { from: index + 1, to: head }, { token: alice.token })
    await deliver()
    // The event of the disabling itself is among the indexes, but not of its types.
    expect(sink.received).toHaveLength(8)
  })
})
