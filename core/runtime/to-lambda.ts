/** Puts an application on AWS Lambda: behind an HTTP API, a REST API, a function URL or a load balancer. */
import type { APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import type { App } from './compose-app.ts'
import type { RequestFacts } from './define-function.ts'
import { failOnHost } from './errors.ts'
import { type HttpEvent, type HttpResult, type Incoming, readEvent } from './lambda-event.ts'
import { replyProblem } from './reply-problem.ts'

export type HttpHandler = <E extends HttpEvent>(
  event: E,
) => Promise<HttpResult & APIGatewayProxyStructuredResultV2>

type Load = () => Promise<Pick<App, 'fetch'>>

/**
 * A Lambda handler of the application. `load` composes it on the first request of an instance, and again when it failed.
 * An event that is no HTTP request (a timer wired to this handler) fails the invocation instead of passing for done.
 */
export function toLambda(load: Load): HttpHandler {
  const app = once(load)
  return async (event) => {
    const incoming = readEvent(event)
    const response = await (await app()).fetch(incoming.request, factsOf(incoming))
    return incoming.reply(await unlessEndless(response, incoming.request)) as Promise<
      HttpResult & APIGatewayProxyStructuredResultV2
    >
  }
}

/** What the runtime of AWS gives for replies that are sent while they are made. */
export interface StreamRuntime {
  streamifyResponse(handler: (event: HttpEvent, stream: ResponseStream) => Promise<void>): unknown
  readonly HttpResponseStream: {
    from(stream: ResponseStream, metadata: StreamMetadata): ResponseStream
  }
}
export interface ResponseStream {
  write(chunk: Uint8Array): boolean
  end(): void
  once(event: 'drain' | 'close', listener: () => void): unknown
}
export interface StreamMetadata {
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>
  readonly cookies?: readonly string[]
}

/** The same behind a function URL with InvokeMode RESPONSE_STREAM: server-sent events flow, and end when the reader leaves. */
export function toLambdaStream(load: Load, runtime: StreamRuntime): unknown {
  const app = once(load)
  return runtime.streamifyResponse(async (event, raw) => {
    const incoming = readEvent(event)
    const response = await (await app()).fetch(incoming.request, {
      ...factsOf(incoming),
      onClose: (tell) => void raw.once('close', tell),
    })
    const headers: Record<string, string> = {}
    response.headers.forEach((value, name) => {
      if (name !== 'set-cookie') headers[name] = value
    })
    const cookies = response.headers.getSetCookie()
    const metadata = { statusCode: response.status, headers, ...(cookies.length > 0 ? { cookies } : {}) }
    await pour(response, runtime.HttpResponseStream.from(raw, metadata))
  })
}

async function pour(response: Response, stream: ResponseStream): Promise<void> {
  const reader = response.body?.getReader()
  stream.once('close', () => void reader?.cancel().catch(() => undefined))
  // The runtime sends the metadata with the first write: a reply without body needs one, too.
  if (!reader) stream.write(new Uint8Array())
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read())
    if (!stream.write(part.value)) await new Promise<void>((resolve) => stream.once('drain', resolve))
  stream.end()
}

function once(load: Load): Load {
  let app: ReturnType<Load> | undefined
  return () => {
    app ??= load().catch((error) => {
      app = undefined
      throw error
    })
    return app
  }
}

/** The request has its headers already: they are read there. */
const factsOf = ({ address }: Incoming): RequestFacts => ({ address })

/** A stream of events has no end to wait for: behind a gateway that buffers, nobody would ever see it. */
async function unlessEndless(response: Response, request: Request): Promise<Response> {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body)
    return response
  await response.body.cancel()
  const problem = failOnHost('stream_unavailable')
  const requestId = response.headers.get('x-request-id') ?? ''
  return replyProblem(problem, requestId, new URL(request.url).pathname, 'problem', {
    'x-request-id': requestId,
  })
}
