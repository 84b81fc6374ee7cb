/** Puts an application on AWS Lambda behind an HTTP API (payload 2.0) or a Function URL. */
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda'
import type { App } from './compose-app.ts'

export type HttpHandler = (event: APIGatewayProxyEventV2) => Promise<APIGatewayProxyStructuredResultV2>

/**
 * A Lambda handler of the application. `load` composes it on the first request of an instance, and again when it failed.
 * An event that is no HTTP request (a timer wired to this handler) fails the invocation instead of passing for done.
 */
export function toLambda(load: () => Promise<Pick<App, 'fetch'>>): HttpHandler {
  let app: Promise<Pick<App, 'fetch'>> | undefined
  return async (event) => {
    if (event.requestContext?.http === undefined)
      throw new TypeError('This handler takes HTTP events of payload version 2.0 only')
    app ??= load().catch((error) => {
      app = undefined
      throw error
    })
    const response = await (await app).fetch(toRequest(event), {
      address: event.requestContext.http.sourceIp,
      header: (name) => (name === 'cookie' ? event.cookies?.join('; ') : event.headers[name]),
    })
    return toResult(response)
  }
}

function toRequest(event: APIGatewayProxyEventV2): Request {
  const { http, domainName, stage } = event.requestContext
  // A named stage stands before the path that the API knows.
  const staged = stage !== '$default' && event.rawPath.startsWith(`/${stage}/`)
  const path = (staged ? event.rawPath.slice(stage.length + 1) : event.rawPath).replace(
    /[?#]/g,
    encodeURIComponent,
  )
  const search = event.rawQueryString === '' ? '' : `?${event.rawQueryString}`
  const headers = new Headers()
  for (const [name, value] of Object.entries(event.headers)) if (value !== undefined) headers.set(name, value)
  if (event.cookies && event.cookies.length > 0) headers.set('cookie', event.cookies.join('; '))
  const bodied = http.method !== 'GET' && http.method !== 'HEAD' && event.body !== undefined
  const body = bodied ? Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8') : null
  return new Request(`https://${domainName}${path}${search}`, { method: http.method, headers, body })
}

const isText = (type: string): boolean =>
  /^(text\/|application\/([a-z0-9.-]+\+)?(json|xml)\b|application\/(javascript|yaml|x-www-form-urlencoded)\b)/i.test(
    type,
  )

async function toResult(response: Response): Promise<APIGatewayProxyStructuredResultV2> {
  const headers: Record<string, string> = {}
  response.headers.forEach((value, name) => {
    if (name !== 'set-cookie') headers[name] = value
  })
  const cookies = response.headers.getSetCookie()
  const bytes = Buffer.from(await response.arrayBuffer())
  const text = isText(headers['content-type'] ?? '') && !headers['content-encoding']
  return {
    statusCode: response.status,
    headers,
    ...(cookies.length > 0 ? { cookies } : {}),
    body: bytes.toString(text ? 'utf8' : 'base64'),
    isBase64Encoded: !text && bytes.length > 0,
  }
}
