/** The hosts that one application is put on, each as its real adapter, and an answer as it comes out of each. */
import type { APIGatewayProxyResult } from 'aws-lambda'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'
import type { App } from '#core/runtime/compose-app.ts'
import type { HttpEvent, HttpResult } from '#core/runtime/lambda-event.ts'
import { type ResponseStream, type StreamRuntime, toLambda, toLambdaStream } from '#core/runtime/to-lambda.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { toBalancer, toV1, toV2 } from './lambda-events.ts'
import { headersOf, type TableRequest } from './requests.ts'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly cookies: readonly string[]
  readonly body: string
}
export interface Host {
  /** Answers as from a client at this address. */
  send(request: TableRequest, address: string): Promise<Answer>
  close(): Promise<void>
}

/** Hop by hop, of the moment, or of whoever puts the bytes on a wire (the length is checked on its own). */
const unequal = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'date',
  'server',
  'content-length',
  'set-cookie',
  // Miniflare's own note of how it would have been compressed.
  'mf-content-encoding',
])

export async function toAnswer(
  response: Pick<Response, 'status' | 'headers' | 'arrayBuffer'>,
): Promise<Answer> {
  const headers: Record<string, string> = {}
  response.headers.forEach((value, name) => {
    if (!unequal.has(name)) headers[name] = value
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const length = response.headers.get('content-length')
  // HEAD and 304 name the length of what they don't send.
  if (length !== null && bytes.length > 0 && Number(length) !== bytes.length)
    throw new Error(`content-length says ${length}, ${bytes.length} bytes came`)
  return {
    status: response.status,
    headers,
    cookies: response.headers.getSetCookie(),
    body: bytes.toString('latin1'),
  }
}

export const ORIGIN = 'https://registry.example'

/** The application itself. */
export const direct = (app: Pick<App, 'fetch'>): Host => ({
  async send(request, address) {
    const { method, path, body } = request
    const asked = new Request(`${ORIGIN}${path}`, { method, headers: headersOf(request), body: body ?? null })
    return toAnswer(await app.fetch(asked, { address }))
  },
  close: async () => undefined,
})

/** node:http, behind a proxy that tells the client's address. */
export async function node(app: Pick<App, 'fetch'>): Promise<Host & { readonly url: string }> {
  const server = toNode(app, { newId: () => 'no-id', trustedProxies: '127.0.0.1' })
  const url = `http://127.0.0.1:${await listen(server, 0, '127.0.0.1')}`
  return {
    url,
    async send(request, address) {
      const { method, path, body } = request
      const headers = { ...headersOf(request), 'x-forwarded-for': address }
      return toAnswer(await fetch(url + path, { method, headers, body: body ?? null, redirect: 'manual' }))
    },
    close: () => closeServer(server, 1000),
  }
}

/** What a gateway makes of a result. */
export function fromResult(result: HttpResult, method: string): Response {
  const { statusCode = 200, body = '', isBase64Encoded } = result
  const headers = new Headers()
  const { multiValueHeaders = {}, headers: plain = {} } = result as Partial<APIGatewayProxyResult>
  for (const [name, value] of Object.entries(plain)) headers.set(name, String(value))
  for (const [name, values] of Object.entries(multiValueHeaders))
    for (const value of values ?? []) headers.append(name, String(value))
  for (const cookie of (result as { cookies?: string[] }).cookies ?? []) headers.append('set-cookie', cookie)
  const bare = statusCode === 204 || statusCode === 304 || method === 'HEAD'
  const bytes = Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8')
  return new Response(bare ? null : bytes, { status: statusCode, headers })
}

const makers = { v1: toV1, v2: toV2, balancer: toBalancer }

/** AWS Lambda behind a gateway that buffers. */
export function lambda(app: () => Pick<App, 'fetch'>, shape: keyof typeof makers): Host {
  return overHandler(
    toLambda(async () => app()),
    shape,
  )
}

export const overHandler = (
  handler: (event: never) => Promise<HttpResult>,
  shape: keyof typeof makers,
): Host => ({
  async send(request, address) {
    const result = await handler(makers[shape](request, address) as never)
    // As it travels: as JSON.
    return toAnswer(fromResult(JSON.parse(JSON.stringify(result)), request.method))
  },
  close: async () => undefined,
})

/** The runtime's side of a streamed reply, in memory. @param after how many writes the reader leaves */
export function streamRuntime(after = Number.POSITIVE_INFINITY) {
  const chunks: Uint8Array[] = []
  let metadata = {
    statusCode: 0,
    headers: {} as Readonly<Record<string, string>>,
    cookies: [] as readonly string[],
  }
  let onClose: (() => void)[] = []
  let isEnded = false
  const stream: ResponseStream = {
    write(chunk) {
      chunks.push(chunk)
      if (chunks.length >= after) for (const tell of onClose.splice(0)) tell()
      return true
    },
    end() {
      isEnded = true
    },
    once(event, listener) {
      if (event === 'close') onClose = [...onClose, listener]
    },
  }
  const runtime: StreamRuntime = {
    streamifyResponse: (handler) => (event: HttpEvent) => handler(event, stream),
    HttpResponseStream: {
      from(raw, given) {
        metadata = { cookies: [], ...given }
        return raw
      },
    },
  }
  const answer = (method: string) => {
    const { statusCode, headers, cookies } = metadata
    const all = new Headers(headers)
    for (const cookie of cookies) all.append('set-cookie', cookie)
    const bare = statusCode === 204 || statusCode === 304 || method === 'HEAD'
    return new Response(bare ? null : Buffer.concat(chunks), { status: statusCode, headers: all })
  }
  return { runtime, chunks, answer, isEnded: () => isEnded }
}

/** A function URL that streams. */
export const lambdaStream = (app: Pick<App, 'fetch'>): Host => ({
  async send(request, address) {
    const side = streamRuntime()
    const handler = toLambdaStream(async () => app, side.runtime) as (event: HttpEvent) => Promise<void>
    await handler(toV2(request, address))
    return toAnswer(side.answer(request.method))
  },
  close: async () => undefined,
})

export interface WorkerHost extends Host {
  readonly miniflare: Miniflare
}

/** A Worker on workerd. */
export async function worker(
  script: string,
  bindings: Record<string, string>,
  compatibilityFlags: readonly string[] = [],
): Promise<WorkerHost> {
  const miniflare = new Miniflare({
    modules: [{ type: 'ESModule', path: 'worker.js', contents: script }],
    modulesRoot: '.',
    compatibilityDate: '2026-04-01',
    compatibilityFlags: ['nodejs_compat', ...compatibilityFlags],
    bindings,
  })
  await miniflare.ready
  return {
    miniflare,
    async send(request, address) {
      const { method, path, body } = request
      const headers = { ...headersOf(request), 'cf-connecting-ip': address }
      const init = { method, headers, body: body ?? null, redirect: 'manual' as const }
      return toAnswer((await miniflare.dispatchFetch(ORIGIN + path, init)) as unknown as Response)
    },
    close: () => miniflare.dispose(),
  }
}

/** A test's own Worker, bundled. */
export async function bundleWorker(entry: string): Promise<string> {
  const bundle = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2024',
    conditions: ['workerd', 'worker'],
    mainFields: ['browser', 'module', 'main'],
    external: ['node:*'],
  })
  return bundle.outputFiles[0]?.text ?? ''
}
