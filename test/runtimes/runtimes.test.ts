import type { APIGatewayProxyEventV2 } from 'aws-lambda'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toLambda } from '#core/runtime/to-lambda.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { comparedHeaders, requests, type TableRequest } from './requests.ts'
import { statelessApp } from './stateless-app.ts'

interface Answer {
  status: number
  headers: Record<string, string | null>
  cookies: string[]
  body: string
}
interface Runtime {
  /** Answers as from a client at this address (of a real socket: always 127.0.0.1). */
  send(request: TableRequest, address: string): Promise<Answer>
  close(): Promise<void>
}

const PER_MINUTE = 60
const ADDRESS = '192.0.2.7'

const headersOf = (request: TableRequest): Record<string, string> => ({
  'x-request-id': 'request-of-the-table',
  accept: 'application/json',
  ...(typeof request.body === 'string' ? { 'content-length': String(Buffer.byteLength(request.body)) } : {}),
  ...request.headers,
})

const toAnswer = async (response: {
  status: number
  headers: { get(name: string): string | null; getSetCookie(): string[] }
  arrayBuffer(): Promise<ArrayBuffer>
}): Promise<Answer> => ({
  status: response.status,
  headers: Object.fromEntries(comparedHeaders.map((name) => [name, response.headers.get(name)])),
  cookies: response.headers.getSetCookie(),
  body: Buffer.from(await response.arrayBuffer()).toString('latin1'),
})

const direct = async (): Promise<Runtime> => {
  const app = statelessApp(PER_MINUTE)
  return {
    async send(request, address) {
      const { method, path, body } = request
      const asked = new Request(`https://registry.example${path}`, {
        method,
        headers: headersOf(request),
        body: body ?? null,
      })
      return toAnswer(await app.fetch(asked, { address }))
    },
    close: async () => undefined,
  }
}

const node = async (): Promise<Runtime> => {
  const server = toNode(statelessApp(PER_MINUTE), { newId: () => 'no-id', trustedProxies: '127.0.0.1' })
  const port = await listen(server, 0, '127.0.0.1')
  return {
    async send(request, address) {
      const { method, path, body } = request
      const headers = { ...headersOf(request), 'x-forwarded-for': address }
      return toAnswer(await fetch(`http://127.0.0.1:${port}${path}`, { method, headers, body: body ?? null }))
    },
    close: () => closeServer(server, 1000),
  }
}

const lambda = async (): Promise<Runtime> => {
  const handler = toLambda(async () => statelessApp(PER_MINUTE))
  return {
    async send(request, address) {
      const result = await handler(toEvent(request, address))
      const headers = new Headers(result.headers as Record<string, string>)
      for (const cookie of result.cookies ?? []) headers.append('set-cookie', cookie)
      const body = Buffer.from(result.body ?? '', result.isBase64Encoded ? 'base64' : 'utf8')
      const bare = result.statusCode === 204 || request.method === 'HEAD'
      return toAnswer(new Response(bare ? null : body, { status: result.statusCode as number, headers }))
    },
    close: async () => undefined,
  }
}

const worker = async (): Promise<Runtime> => {
  const bundle = await build({
    entryPoints: ['test/runtimes/worker-entry.ts'],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker'],
    mainFields: ['browser', 'module', 'main'],
    external: ['node:*'],
  })
  const miniflare = new Miniflare({
    modules: [{ type: 'ESModule', path: 'worker.js', contents: bundle.outputFiles[0]?.text ?? '' }],
    modulesRoot: '.',
    compatibilityDate: '2026-04-01',
    compatibilityFlags: ['nodejs_compat'],
    bindings: { PER_MINUTE: String(PER_MINUTE) },
  })
  await miniflare.ready
  return {
    async send(request, address) {
      const { method, path, body } = request
      const headers = { ...headersOf(request), 'cf-connecting-ip': address }
      const url = `https://registry.example${path}`
      return toAnswer(await miniflare.dispatchFetch(url, { method, headers, body: body ?? null }))
    },
    close: () => miniflare.dispose(),
  }
}

/** What API Gateway makes of a request (payload version 2.0). */
function toEvent(request: TableRequest, sourceIp: string): APIGatewayProxyEventV2 {
  const [rawPath = '', rawQueryString = ''] = request.path.split('?')
  const { cookie, ...headers } = headersOf(request)
  const binary = typeof request.body !== 'string' && request.body !== undefined
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookie ? { cookies: cookie.split('; ') } : {}),
    headers: { ...headers, host: 'registry.example' },
    requestContext: {
      accountId: '1',
      apiId: 'api',
      domainName: 'registry.example',
      domainPrefix: 'registry',
      http: { method: request.method, path: rawPath, protocol: 'HTTP/1.1', sourceIp, userAgent: 'test' },
      requestId: 'r',
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
    ...(request.body === undefined
      ? {}
      : {
          body: binary
            ? Buffer.from(request.body as Uint8Array).toString('base64')
            : (request.body as string),
        }),
    isBase64Encoded: binary,
  }
}

const runtimes = { node, lambda, worker }

describe('the same function answers the same', () => {
  let expected: Runtime
  beforeAll(async () => {
    expected = await direct()
  })

  test.each(requests)('directly: $what -> $status', async (request) => {
    const answer = await expected.send(request, ADDRESS)
    expect(answer.status).toBe(request.status)
    expect(answer.headers['x-request-id']).toBe('request-of-the-table')
  })

  for (const [name, open] of Object.entries(runtimes))
    describe(`on ${name}`, () => {
      let runtime: Runtime
      beforeAll(async () => {
        runtime = await open()
      })
      afterAll(() => runtime?.close())

      test.each(requests)('$what', async (request) => {
        expect(await runtime.send(request, ADDRESS)).toEqual(
          await expected.send(request, `client-of-${name}`),
        )
      })

      test('knows the address of the client: the rate limit counts each apart', async () => {
        const ask: TableRequest = { what: 'one', method: 'GET', path: '/echo/problem', status: 412 }
        const statuses: number[] = []
        // One a second comes back meanwhile: a slow machine gets a few more.
        while (statuses.at(-1) !== 429 && statuses.length < PER_MINUTE * 3)
          statuses.push((await runtime.send(ask, '192.0.2.8')).status)
        expect(statuses.length).toBeGreaterThan(PER_MINUTE)
        expect(statuses.at(-1)).toBe(429)
        expect((await runtime.send(ask, '2001:db8::9')).status).toBe(412)
      })
    })
})

describe('on lambda', () => {
  const ask = requests[0] as TableRequest

  test('a timer event fails the invocation', async () => {
    const handler = toLambda(async () => statelessApp())
    const timer = { source: 'aws.scheduler', detail: {} } as unknown as APIGatewayProxyEventV2
    await expect(handler(timer)).rejects.toThrow('HTTP events')
  })

  test('the name of a stage is no part of the path', async () => {
    const handler = toLambda(async () => statelessApp())
    const event = toEvent(ask, ADDRESS)
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
    await expect(handler(toEvent(ask, ADDRESS))).rejects.toThrow('no database yet')
    expect((await handler(toEvent(ask, ADDRESS))).statusCode).toBe(200)
    expect((await handler(toEvent(ask, ADDRESS))).statusCode).toBe(200)
    expect(tries).toBe(2)
  })
})
