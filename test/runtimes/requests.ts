/** Requests that every runtime must answer alike, with the status that each must have. */

export interface TableRequest {
  readonly what: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

const json = { 'content-type': 'application/json' }
const id = '01900000-0000-7000-8000-000000000001'

export const requests: readonly TableRequest[] = [
  { what: 'path and query', method: 'GET', path: `/echo/things/${id}?q=a%20b%26c+d&n=5`, status: 200 },
  {
    what: 'text beyond ASCII in the query',
    method: 'GET',
    path: `/echo/things/${id}?q=%F0%9F%8C%8D`,
    status: 200,
  },
  {
    what: 'headers',
    method: 'GET',
    path: `/echo/things/${id}`,
    headers: { accept: 'text/x', cookie: 'a=1; b=2' },
    status: 200,
  },
  { what: 'HEAD', method: 'HEAD', path: `/echo/things/${id}`, status: 200 },
  { what: 'a malformed path parameter', method: 'GET', path: '/echo/things/none', status: 400 },
  {
    what: 'an unknown and a repeated query field',
    method: 'GET',
    path: `/echo/things/${id}?x=1&q=1&q=2`,
    status: 400,
  },
  {
    what: 'a body',
    method: 'POST',
    path: '/echo/things',
    headers: json,
    body: '{"name":"Ä ö/ü","tags":["x"]}',
    status: 201,
  },
  {
    what: 'a body of another charset spelling',
    method: 'POST',
    path: '/echo/things',
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: '{"name":"x"}',
    status: 201,
  },
  {
    what: 'several faults in a body',
    method: 'POST',
    path: '/echo/things',
    headers: json,
    body: '{"name":"","no":1}',
    status: 400,
  },
  {
    what: 'malformed JSON',
    method: 'POST',
    path: '/echo/things',
    headers: json,
    body: '{"name":',
    status: 400,
  },
  {
    what: 'bytes that are no UTF-8',
    method: 'POST',
    path: '/echo/things',
    headers: json,
    body: new Uint8Array([0x22, 0xff, 0x22]),
    status: 400,
  },
  { what: 'no body', method: 'POST', path: '/echo/things', headers: json, status: 400 },
  {
    what: 'another media type',
    method: 'POST',
    path: '/echo/things',
    headers: { 'content-type': 'text/plain' },
    body: 'x',
    status: 415,
  },
  {
    what: 'a body beyond the limit',
    method: 'POST',
    path: '/echo/things',
    headers: json,
    body: JSON.stringify({ name: 'x'.repeat(1_100_000) }),
    status: 413,
  },
  {
    what: 'PUT with an ETag in the reply',
    method: 'PUT',
    path: '/echo/things/7',
    headers: json,
    body: '{"name":"x"}',
    status: 200,
  },
  { what: 'DELETE without a reply', method: 'DELETE', path: '/echo/things/7', status: 204 },
  { what: 'a known problem', method: 'GET', path: '/echo/problem', status: 412 },
  { what: 'a bug', method: 'GET', path: '/echo/bug', status: 500 },
  { what: 'no credential', method: 'GET', path: '/echo/private', status: 401 },
  {
    what: 'a bad credential',
    method: 'GET',
    path: '/echo/private',
    headers: { authorization: 'Bearer bad' },
    status: 401,
  },
  { what: 'another method', method: 'PATCH', path: '/echo/problem', headers: json, body: '{}', status: 405 },
  { what: 'no route', method: 'GET', path: '/echo/none', status: 404 },
  { what: 'every byte', method: 'GET', path: '/echo/bytes', status: 200 },
  { what: 'two cookies', method: 'GET', path: '/echo/cookies', status: 200 },
  { what: 'a reply that is made while it is sent', method: 'GET', path: '/echo/stream', status: 200 },
  { what: 'a large reply', method: 'GET', path: '/echo/large', status: 200 },
  {
    what: 'a large body',
    method: 'POST',
    path: '/echo/length',
    headers: { 'content-type': 'text/plain' },
    body: 'ä'.repeat(500_000),
    status: 200,
  },
  {
    what: 'a document that is known already',
    method: 'GET',
    path: '/echo/known',
    headers: { 'if-none-match': '"1"' },
    status: 304,
  },
  {
    what: 'a path with signs in it',
    method: 'GET',
    path: '/echo/names/a%2Fb%20%3F%23%C3%A4',
    status: 200,
  },
]

/** What is sent with a request of the table. */
export const headersOf = (request: TableRequest): Record<string, string> => ({
  'x-request-id': 'request-of-the-table',
  accept: 'application/json',
  ...(request.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(request.body)) }),
  ...request.headers,
})
