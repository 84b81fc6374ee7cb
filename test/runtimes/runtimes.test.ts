import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { HttpEvent } from '#core/runtime/lambda-event.ts'
import { toLambda, toLambdaStream } from '#core/runtime/to-lambda.ts'
import {
  bundleWorker,
  direct,
  type Host,
  lambda,
  lambdaStream,
  node,
  streamRuntime,
  worker,
} from './hosts.ts'
import { toBalancer, toV1, toV2 } from './lambda-events.ts'
import { requests, type TableRequest } from './requests.ts'
import { statelessApp } from './stateless-app.ts'

const PER_MINUTE = 100
const ADDRESS = '192.0.2.7'
const on = () => statelessApp(PER_MINUTE)

const once =
  (app = on()) =>
  () =>
    app
const hosts: Record<string, () => Promise<Host>> = {
  'node:http': () => node(on()),
  'lambda behind payload 1.0': async () => lambda(once(), 'v1'),
  'lambda behind payload 2.0': async () => lambda(once(), 'v2'),
  'lambda behind a load balancer': async () => lambda(once(), 'balancer'),
  'lambda that streams': async () => lambdaStream(on()),
  workerd: async () =>
    worker(await bundleWorker('test/runtimes/worker-entry.ts'), { PER_MINUTE: String(PER_MINUTE) }),
}

describe('the same function answers the same', () => {
  const expected = direct(statelessApp(100_000))

  test.each(requests)('directly: $what -> $status', async (request) => {
    const answer = await expected.send(request, ADDRESS)
    expect(answer.status).toBe(request.status)
    expect(answer.headers['x-request-id']).toBe('request-of-the-table')
  })

  for (const [name, open] of Object.entries(hosts))
    describe(`on ${name}`, () => {
      const mirror = direct(on())
      let host: Host
      beforeAll(async () => {
        host = await open()
      })
      afterAll(() => host?.close())

      test.each(requests)('$what', async (request) => {
        expect(await host.send(request, ADDRESS)).toEqual(await mirror.send(request, ADDRESS))
      })

      test('knows the address of the client: the rate limit counts each apart', async () => {
        const ask: TableRequest = { what: 'one', method: 'GET', path: '/echo/problem', status: 412 }
        const statuses: number[] = []
        for (let i = 0; i <= PER_MINUTE; i++) statuses.push((await host.send(ask, '192.0.2.8')).status)
        expect(statuses).toEqual([...Array(PER_MINUTE).fill(412), 429])
        expect((await host.send(ask, '2001:db8::9')).status).toBe(412)
      })
    })
})

describe('a client that goes away', () => {
  const slow: TableRequest = { what: 'slow', method: 'GET', path: '/echo/slow', status: 200 }
  const counts = async (host: Host) =>
    JSON.parse((await host.send({ ...slow, path: '/echo/left' }, ADDRESS)).body) as {
      waiting: number
      slow: number
      events: number
    }

  test('over node:http ends what was done for it', async () => {
    const host = await node(statelessApp())
    const before = await counts(host)
    const leave = new AbortController()
    const asked = fetch(`${host.url}${slow.path}`, { signal: leave.signal }).catch(() => 'left')
    await expect.poll(async () => (await counts(host)).waiting).toBe(before.waiting + 1)
    leave.abort()
    expect(await asked).toBe('left')
    await expect.poll(async () => (await counts(host)).slow).toBe(before.slow + 1)
    await host.close()
  })

  test('over node:http ends the stream that it read', async () => {
    const host = await node(statelessApp())
    const before = await counts(host)
    const leave = new AbortController()
    const { body } = await fetch(`${host.url}/echo/events`, { signal: leave.signal })
    const reader = body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n')
    leave.abort()
    await expect.poll(async () => (await counts(host)).events).toBe(before.events + 1)
    await host.close()
  })

  test('over a stream of Lambda ends the stream', async () => {
    const before = await counts(direct(statelessApp()))
    const side = streamRuntime(1)
    const handler = toLambdaStream(async () => statelessApp(), side.runtime) as (
      e: HttpEvent,
    ) => Promise<void>
    await handler(toV2({ ...slow, path: '/echo/events' }, ADDRESS))
    expect(Buffer.concat(side.chunks).toString()).toBe('data: 1\n\n')
    expect(side.isEnded()).toBe(true)
    expect((await counts(direct(statelessApp()))).events).toBe(before.events + 1)
  })
})

describe('on lambda', () => {
  const ask = requests[0] as TableRequest

  test('a timer event fails the invocation, whatever it looks like', async () => {
    const handler = toLambda(async () => statelessApp())
    for (const timer of [
      { source: 'aws.scheduler', detail: {} },
      { id: 'x', 'detail-type': 'Scheduled Event', source: 'aws.events', time: '2026-11-24T12:00:00Z' },
      {},
      { requestContext: {} },
    ])
      await expect(handler(timer as unknown as APIGatewayProxyEventV2)).rejects.toThrow('HTTP events')
  })

  test('the name of a stage is no part of the path', async () => {
    const handler = toLambda(async () => statelessApp())
    const event = toV2(ask, ADDRESS)
    const staged = {
      ...event,
      rawPath: `/live${event.rawPath}`,
      requestContext: { ...event.requestContext, stage: 'live' },
    }
    expect((await handler(staged)).statusCode).toBe(200)
  })

  test('an application that could not be composed is composed again at the next request', async () => {
    let tries = 0
    const handler = toLambda(async () => {
      if (tries++ === 0) throw new Error('no database yet')
      return statelessApp()
    })
    await expect(handler(toV2(ask, ADDRESS))).rejects.toThrow('no database yet')
    expect((await handler(toV2(ask, ADDRESS))).statusCode).toBe(200)
    expect((await handler(toV2(ask, ADDRESS))).statusCode).toBe(200)
    expect(tries).toBe(2)
  })

  test('a stream of events is 501 stream_unavailable where the gateway buffers: nobody would ever see it', async () => {
    const handler = toLambda(async () => statelessApp())
    const events: TableRequest = { what: 'events', method: 'GET', path: '/echo/events', status: 501 }
    for (const event of [toV1(events, ADDRESS), toV2(events, ADDRESS), toBalancer(events, ADDRESS)]) {
      const result = await handler(event as APIGatewayProxyEventV2)
      expect(result.statusCode).toBe(501)
      expect(JSON.parse(result.body ?? '')).toMatchObject({
        code: 'stream_unavailable',
        request_id: 'request-of-the-table',
      })
    }
  })

  test('a balancer without multi-value headers takes one cookie, and fails rather than lose the second', async () => {
    const handler = toLambda(async () => statelessApp())
    const cookies: TableRequest = { what: 'two', method: 'GET', path: '/echo/cookies', status: 200 }
    await expect(handler(toBalancer(cookies, ADDRESS, false) as never)).rejects.toThrow('multi_value_headers')
    const known: TableRequest = { what: 'none', method: 'GET', path: '/echo/known', status: 200 }
    expect((await handler(toBalancer(known, ADDRESS, false) as never)).statusCode).toBe(200)
  })

  test('behind a balancer a client can’t give itself an address', async () => {
    const handler = toLambda(async () => statelessApp(1))
    const forged: TableRequest = { what: 'x', method: 'GET', path: '/echo/problem', status: 412 }
    expect((await handler(toBalancer(forged, '192.0.2.50') as never)).statusCode).toBe(412)
    // The first entry of the header is the same, and is believed by nobody.
    expect((await handler(toBalancer(forged, '192.0.2.51') as never)).statusCode).toBe(412)
    expect((await handler(toBalancer(forged, '192.0.2.51') as never)).statusCode).toBe(429)
  })
})
