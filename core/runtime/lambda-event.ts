/** HTTP events of AWS as requests, and replies as their results: payload 2.0, payload 1.0 and load balancers. */
import type {
  ALBEvent,
  ALBResult,
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2,
  APIGatewayProxyResult,
  APIGatewayProxyStructuredResultV2,
} from 'aws-lambda'

export type HttpEvent = APIGatewayProxyEventV2 | APIGatewayProxyEvent | ALBEvent
export type HttpResult = APIGatewayProxyStructuredResultV2 | APIGatewayProxyResult | ALBResult

/** An event as it is understood: the same for every shape. */
export interface Incoming {
  readonly request: Request
  /** The client's address as the gateway saw it. */
  readonly address: string
  /** Puts a reply into the shape that this kind of event wants. */
  readonly reply: (response: Response) => Promise<HttpResult>
}

/** @throws TypeError for what is no HTTP event: a timer wired to this handler must fail, not pass for done */
export function readEvent(event: HttpEvent): Incoming {
  const context = event.requestContext as object | undefined
  if (context && 'elb' in context) return readBalancer(event as ALBEvent)
  if (context && 'http' in context) return readV2(event as APIGatewayProxyEventV2)
  if (context && 'identity' in context && 'httpMethod' in event) return readV1(event as APIGatewayProxyEvent)
  throw new TypeError(
    'This handler takes HTTP events only (API Gateway 1.0 and 2.0, function URL, load balancer)',
  )
}

function readV2(event: APIGatewayProxyEventV2): Incoming {
  const { http, domainName, stage } = event.requestContext
  // A named stage stands before the path that the API knows.
  const staged = stage !== '$default' && event.rawPath.startsWith(`/${stage}/`)
  const path = staged ? event.rawPath.slice(stage.length + 1) : event.rawPath
  const headers = new Headers()
  for (const [name, value] of Object.entries(event.headers)) if (value !== undefined) headers.set(name, value)
  if (event.cookies && event.cookies.length > 0) headers.set('cookie', event.cookies.join('; '))
  return {
    request: makeRequest(event, http.method, domainName, path, event.rawQueryString, headers),
    address: http.sourceIp,
    async reply(response) {
      const cookies = response.headers.getSetCookie()
      return {
        statusCode: response.status,
        headers: plainHeaders(response),
        ...(cookies.length > 0 ? { cookies } : {}),
        ...(await readBody(response)),
      }
    },
  }
}

function readV1(event: APIGatewayProxyEvent): Incoming {
  const headers = manyHeaders(event.multiValueHeaders, event.headers)
  // Decoded by the gateway: encoded again, as the client may have written it.
  const search = new URLSearchParams()
  const query = event.multiValueQueryStringParameters ?? {}
  for (const [name, values] of Object.entries(query))
    for (const value of values ?? []) search.append(name, value)
  const domain = event.requestContext.domainName ?? headers.get('host') ?? 'localhost'
  return {
    request: makeRequest(event, event.httpMethod, domain, event.path, search.toString(), headers),
    address: event.requestContext.identity.sourceIp,
    reply: async (response) => ({
      statusCode: response.status,
      multiValueHeaders: listedHeaders(response),
      ...(await readBody(response)),
    }),
  }
}

function readBalancer(event: ALBEvent): Incoming {
  const isMany = event.multiValueHeaders !== undefined
  const headers = manyHeaders(event.multiValueHeaders, event.headers)
  // A balancer hands the query on as it came, still encoded.
  const query = event.multiValueQueryStringParameters ?? single(event.queryStringParameters)
  const search = Object.entries(query)
    .flatMap(([name, values]) => (values ?? []).map((value) => (value === '' ? name : `${name}=${value}`)))
    .join('&')
  // The balancer itself writes the last one; what a client has sent stands before it.
  const forwarded = (headers.get('x-forwarded-for') ?? '').split(',').at(-1)?.trim()
  const domain = headers.get('host') ?? 'localhost'
  return {
    request: makeRequest(event, event.httpMethod, domain, event.path, search, headers),
    address: forwarded || '0.0.0.0',
    async reply(response) {
      const cookies = response.headers.getSetCookie()
      // Without multi-value headers only one cookie can be told: silence about the others would be worse than a failure.
      if (!isMany && cookies.length > 1)
        throw new Error(
          'Enable lambda.multi_value_headers.enabled of the target group: a reply has several cookies',
        )
      const cookie: Record<string, string> = cookies[0] === undefined ? {} : { 'set-cookie': cookies[0] }
      return {
        statusCode: response.status,
        statusDescription: String(response.status),
        ...(isMany
          ? { multiValueHeaders: listedHeaders(response) }
          : { headers: { ...plainHeaders(response), ...cookie } }),
        ...(await readBody(response)),
      }
    },
  }
}

const single = (query: ALBEvent['queryStringParameters']): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(query ?? {}).map(([name, value]) => [name, value === undefined ? [] : [value]]),
  )

function manyHeaders(
  many: Record<string, string[] | undefined> | null | undefined,
  plain: Record<string, string | undefined> | null | undefined,
): Headers {
  const headers = new Headers()
  for (const [name, values] of Object.entries(many ?? {}))
    for (const value of values ?? []) {
      // Cookies that came in several lines are one header of a request.
      const before = name.toLowerCase() === 'cookie' ? headers.get(name) : null
      if (before === null) headers.append(name, value)
      else headers.set(name, `${before}; ${value}`)
    }
  if (!many)
    for (const [name, value] of Object.entries(plain ?? {})) if (value !== undefined) headers.set(name, value)
  return headers
}

function makeRequest(
  event: { readonly body?: string | null; readonly isBase64Encoded: boolean },
  method: string,
  domain: string,
  path: string,
  search: string,
  headers: Headers,
): Request {
  const bodied = method !== 'GET' && method !== 'HEAD' && typeof event.body === 'string'
  const body = bodied ? Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8') : null
  const tidy = path.replace(/[?#]/g, encodeURIComponent)
  return new Request(`https://${domain}${tidy}${search === '' ? '' : `?${search}`}`, {
    method,
    headers,
    body,
  })
}

function plainHeaders(response: Response): Record<string, string> {
  const headers: Record<string, string> = {}
  response.headers.forEach((value, name) => {
    if (name !== 'set-cookie') headers[name] = value
  })
  return headers
}

function listedHeaders(response: Response): Record<string, string[]> {
  const headers: Record<string, string[]> = {}
  for (const [name, value] of Object.entries(plainHeaders(response))) headers[name] = [value]
  const cookies = response.headers.getSetCookie()
  return cookies.length > 0 ? { ...headers, 'set-cookie': cookies } : headers
}

const isText = (type: string): boolean =>
  /^(text\/|application\/([a-z0-9.-]+\+)?(json|xml)\b|application\/(javascript|yaml|x-www-form-urlencoded)\b)/i.test(
    type,
  )

async function readBody(response: Response): Promise<{ body: string; isBase64Encoded: boolean }> {
  const { headers } = response
  const bytes = Buffer.from(await response.arrayBuffer())
  const text = isText(headers.get('content-type') ?? '') && !headers.get('content-encoding')
  return { body: bytes.toString(text ? 'utf8' : 'base64'), isBase64Encoded: !text && bytes.length > 0 }
}
