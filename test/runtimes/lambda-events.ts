/** What AWS makes of a request: HTTP API (payload 2.0), REST API (payload 1.0), load balancer. */
import type { ALBEvent, APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda'
import { headersOf, type TableRequest } from './requests.ts'

const DOMAIN = 'registry.example'

const bodyOf = ({ body }: TableRequest): { body?: string; isBase64Encoded: boolean } => {
  if (body === undefined) return { isBase64Encoded: false }
  if (typeof body === 'string') return { body, isBase64Encoded: false }
  return { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }
}

export function toV2(request: TableRequest, sourceIp: string): APIGatewayProxyEventV2 {
  const [rawPath = '', rawQueryString = ''] = request.path.split('?')
  const { cookie, ...headers } = headersOf(request)
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    ...(cookie ? { cookies: cookie.split('; ') } : {}),
    headers: { ...headers, host: DOMAIN },
    requestContext: {
      accountId: '1',
      apiId: 'api',
      domainName: DOMAIN,
      domainPrefix: 'registry',
      http: { method: request.method, path: rawPath, protocol: 'HTTP/1.1', sourceIp, userAgent: 'test' },
      requestId: 'r',
      routeKey: '$default',
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
    ...bodyOf(request),
  }
}

const listed = (headers: Record<string, string>): Record<string, string[]> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))

/** The gateway decodes the query. */
export function toV1(request: TableRequest, sourceIp: string): APIGatewayProxyEvent {
  const [path = '', query = ''] = request.path.split('?')
  const many: Record<string, string[]> = {}
  for (const [name, value] of new URLSearchParams(query)) many[name] = [...(many[name] ?? []), value]
  const headers = { ...headersOf(request), host: DOMAIN }
  return {
    resource: '/{proxy+}',
    httpMethod: request.method,
    path,
    pathParameters: null,
    stageVariables: null,
    headers,
    multiValueHeaders: listed(headers),
    queryStringParameters: Object.fromEntries(new URLSearchParams(query)),
    multiValueQueryStringParameters: Object.keys(many).length > 0 ? many : null,
    requestContext: {
      domainName: DOMAIN,
      identity: { sourceIp },
    } as APIGatewayProxyEvent['requestContext'],
    ...bodyOf(request),
    body: bodyOf(request).body ?? null,
  }
}

/** The balancer hands the query on as it came, and writes the client's address behind what the client has sent. */
export function toBalancer(request: TableRequest, sourceIp: string, isMany = true): ALBEvent {
  const [path = '', query = ''] = request.path.split('?')
  const many: Record<string, string[]> = {}
  for (const pair of query.split('&').filter(Boolean)) {
    const [name = '', value = ''] = pair.split('=')
    many[name] = [...(many[name] ?? []), value]
  }
  const headers = {
    ...headersOf(request),
    host: DOMAIN,
    'x-forwarded-for': `203.0.113.9, ${sourceIp}`,
  }
  const single = Object.fromEntries(Object.entries(many).map(([name, values]) => [name, values.at(-1)]))
  return {
    httpMethod: request.method,
    path,
    ...(isMany
      ? { multiValueHeaders: listed(headers), multiValueQueryStringParameters: many }
      : { headers, queryStringParameters: single as Record<string, string> }),
    requestContext: { elb: { targetGroupArn: 'arn' } },
    ...bodyOf(request),
    body: bodyOf(request).body ?? null,
  }
}
