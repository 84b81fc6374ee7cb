import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { fail, Problem } from '#core/base/errors.ts'
import type { Context } from '#core/platform/context.ts'
import { openLog } from '#core/platform/log.ts'
import { rowsOf } from '#core/runtime/define-function.ts'
import { testApp } from '#test/support/app.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
const { get, post, put } = rowsOf<Context>()
const Body = z.strictObject({ name: z.string().min(1), count: z.number().int().optional() })
const Echo = z.strictObject({ name: z.string() })
const lines: string[] = []
const log = openLog({ level: 'debug', write: (line) => lines.push(line) })

let ran = 0
const gate = Promise.withResolvers<void>()
const { api, app, drain } = await testApp(
  db,
  {
    timeoutSeconds: 1,
    bodyLimitBytes: 2000,
    concurrency: 3,
    rows: [
      get(
        '/open',
        { summary: 'x', callers: 'public', query: z.strictObject({ q: z.string().optional() }), reply: Echo },
        ({ query }) => ({ name: query.q ?? '' }),
      ),
      get('/dev', { summary: 'x', callers: ['developer'], scope: 'transfers:read', reply: Echo }, () => ({
        name: 'dev',
      })),
      get('/ops', { summary: 'x', callers: ['operator'], reply: Echo }, () => ({ name: 'ops' })),
      post(
        '/echo',
        {
          summary: 'x',
          callers: 'public',
          body: Body,
          reply: Echo,
          status: 201,
          location: (b: { name: string }) => `/made/${b.name}`,
        },
        ({ body }) => ({ name: body.name }),
      ),
      post('/empty', { summary: 'x', callers: 'public' }, () => undefined),
      put(
        '/gated',
        { summary: 'x', callers: 'public', idempotency: 'gate', body: Body, reply: Echo },
        ({ ctx }) => ({ name: ctx.idempotencyKey ?? '' }),
      ),
      post('/once', { summary: 'x', callers: ['developer'], body: Body, reply: Echo }, ({ ctx, body }) =>
        ctx.once(async (tx) => {
          ran++
          await tx.query('select 1')
          if (body.name === 'bad') throw fail('not_found')
          return { name: `${body.name} ${ran}` }
        }),
      ),
      get('/bug', { summary: 'x', callers: 'public' }, () => {
        throw new Error('secret nfk_abcdefghijkl and jane@example.com')
      }),
      get('/wait', { summary: 'x', callers: 'public' }, () => gate.promise),
      get('/slow', { summary: 'x', callers: 'public' }, ({ ctx }) =>
        ctx.db.query('select 1').then(
          () =>
            new Promise((_, reject) => {
              ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))
            }),
        ),
      ),
    ],
  },
  { log },
)
const post201 = (body: unknown, headers = {}) => api.post('/test/echo', body, { headers })

describe('a request', () => {
  test('answers 201 with Location, request id and no-store', async () => {
    const answer = await api.post('/test/echo', { name: 'a' }, { headers: { 'x-request-id': 'mine-1' } })
    expect([answer.status, answer.headers.get('location'), answer.body]).toEqual([
      201,
      '/made/a',
      { name: 'a' },
    ])
    expect([answer.headers.get('x-request-id'), answer.headers.get('cache-control')]).toEqual([
      'mine-1',
      'no-store',
    ])
  })
  test('replaces a request id that could break a log line', async () => {
    const answer = await api.get('/test/open', { headers: { 'x-request-id': 'a b"c' } })
    expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })
  test('answers 204 without a body when a row replies nothing', async () => {
    expect([(await api.post('/test/empty')).status, (await api.post('/test/empty', {})).status]).toEqual([
      204, 204,
    ])
  })
})

describe('400 validation_failed', () => {
  const cases: [string, unknown, string[]][] = [
    ['a missing field', {}, ['/name required']],
    [
      'all faults at once',
      { count: 'x', more: 1 },
      ['/name required', '/count invalid_type', '/more unknown_field'],
    ],
    ['malformed JSON', '{"name":', [' malformed_json']],
    ['an array for an object', [], [' invalid_type']],
    ['NUL in text', { name: 'a\u0000' }, ['/name malformed_text']],
    ['an unpaired surrogate', '{"name":"\\ud800"}', ['/name malformed_text']],
    [
      'a nest of arrays',
      `{"name":${'['.repeat(900)}${']'.repeat(900)}}`,
      [`/name${'/0'.repeat(63)} too_deep`],
    ],
    ['a prototype key', '{"name":"a","__proto__":{"x":1}}', ['/__proto__ unknown_field']],
  ]
  test.each(cases)('names %s', async (_name, body, faults) => {
    const answer = await post201(body)
    expect(answer.status).toBe(400)
    expect(answer.body.code).toBe('validation_failed')
    expect(
      answer.body.errors.map((e: { pointer: string; code: string }) => `${e.pointer} ${e.code}`),
    ).toEqual(faults)
  })
  test('names unknown and repeated query fields', async () => {
    const unknown = await api.get('/test/open?x=1')
    expect(unknown.body.errors[0]).toMatchObject({ pointer: '?x', code: 'unknown_field' })
    const repeated = await api.get('/test/open?q=1&q=2')
    expect(repeated.body.errors[0]).toMatchObject({ pointer: '?q', code: 'invalid_type' })
  })
  test('refuses invalid UTF-8', async () => {
    const body = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])
    const headers = { 'content-type': 'application/json' }
    const reply = await api.raw(new Request('http://h/api/v1/test/echo', { method: 'POST', headers, body }))
    const problem = JSON.parse(await reply.text())
    expect([reply.status, problem.errors[0].code]).toEqual([400, 'malformed_utf8'])
  })
  test('refuses an Idempotency-Key that is no visible ASCII', async () => {
    const answer = await post201({ name: 'a' }, { 'idempotency-key': 'a b' })
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, 'header:Idempotency-Key'])
  })
})

describe('the door', () => {
  test('answers 401 unauthenticated without and with a bad credential, also on public rows', async () => {
    const without = await api.get('/test/dev')
    expect([without.status, without.body.code, without.headers.get('www-authenticate')]).toEqual([
      401,
      'unauthenticated',
      'Bearer',
    ])
    expect((await api.get('/test/open', { token: 'nobody' })).status).toBe(401)
    const basic = await api.get('/test/open', { headers: { authorization: 'Basic abc' } })
    expect([basic.status, basic.body.detail]).toEqual([401, expect.stringContaining('Bearer <')])
  })
  test('answers 403 insufficient_scope and tells which kind of caller is needed', async () => {
    const wrong = await api.get('/test/ops', { token: 'dev' })
    expect([wrong.status, wrong.body.code]).toEqual([403, 'insufficient_scope'])
    expect(wrong.body.detail).toContain('operator key')
    expect((await api.get('/test/dev', { token: 'keyed' })).body.detail).toContain('transfers:read')
    expect((await api.get('/test/dev', { token: 'dev' })).status).toBe(200)
  })
  test('answers 404 not_found for an unknown route and 405 method_not_allowed with Allow', async () => {
    expect([(await api.get('/nowhere')).status, (await api.get('/nowhere')).body.code]).toEqual([
      404,
      'not_found',
    ])
    expect((await api.get('/test/open/')).body.detail).toContain('Did you mean /api/v1/test/open?')
    const wrong = await api.delete('/test/open')
    expect([wrong.status, wrong.body.code, wrong.headers.get('allow')]).toEqual([
      405,
      'method_not_allowed',
      'GET, HEAD',
    ])
  })
  test('answers 413 payload_too_large by header and by stream', async () => {
    const told = await post201({ name: 'x'.repeat(3000) })
    expect([told.status, told.body.code, told.body.limit_bytes]).toEqual([413, 'payload_too_large', 2000])
    const stream = new ReadableStream({
      start: (c) => {
        c.enqueue(new Uint8Array(3000))
        c.close()
      },
    })
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: stream,
      duplex: 'half',
    }
    expect((await api.raw(new Request('http://h/api/v1/test/echo', init as RequestInit))).status).toBe(413)
  })
  test('answers 415 unsupported_media_type', async () => {
    const answer = await api.post('/test/echo', 'a=1', { headers: { 'content-type': 'text/plain' } })
    expect([answer.status, answer.body.code]).toEqual([415, 'unsupported_media_type'])
  })
  test('answers 400 validation_failed, not 415, to a request without the body that it needs', async () => {
    const { status, body } = await api.post('/test/echo')
    expect([status, body.code, body.detail]).toEqual([
      400,
      'validation_failed',
      'this request needs a JSON body',
    ])
  })
  test('answers 400 idempotency_key_required where the gate keeps the key', async () => {
    expect((await api.put('/test/gated', { name: 'a' })).body.code).toBe('idempotency_key_required')
    expect((await api.put('/test/gated', { name: 'a' }, { key: 'k1' })).body).toEqual({ name: 'k1' })
  })
  test('answers 429 rate_limited with Retry-After and the RateLimit headers', async () => {
    const rows = [get('/', { summary: 'x', callers: 'public', reply: Echo }, () => ({ name: 'x' }))]
    const limited = await testApp(db, { rows }, { perMinute: 2 })
    const first = await limited.api.get('/test')
    expect([first.headers.get('ratelimit-policy'), first.headers.get('ratelimit')]).toEqual([
      '"public";q=2;w=60',
      '"public";r=1;t=30',
    ])
    await limited.api.get('/test')
    const third = await limited.api.get('/test')
    expect([third.status, third.body.code, third.headers.get('retry-after')]).toEqual([
      429,
      'rate_limited',
      '30',
    ])
  })
})

describe('Idempotency-Key on a recorded command', () => {
  test('gives the first reply again and runs once, also under concurrency', async () => {
    const options = { token: 'dev', key: 'once-1' }
    const all = await Promise.all([1, 2, 3].map(() => api.post('/test/once', { name: 'n' }, options)))
    expect(new Set(all.map((a) => a.text)).size).toBe(1)
    expect(all.map((a) => a.headers.get('idempotency-replayed')).filter(Boolean)).toEqual(['true', 'true'])
  })
  test('answers 422 idempotency_key_reused for another body', async () => {
    const answer = await api.post('/test/once', { name: 'other' }, { token: 'dev', key: 'once-1' })
    expect([answer.status, answer.body.code]).toEqual([422, 'idempotency_key_reused'])
  })
  test('keeps keys of different callers apart and leaves a key free after a refusal', async () => {
    const mine = await api.post('/test/once', { name: 'bad' }, { token: 'dev', key: 'once-2' })
    expect(mine.status).toBe(404)
    expect((await api.post('/test/once', { name: 'good' }, { token: 'dev', key: 'once-2' })).status).toBe(200)
    const theirs = await api.post('/test/once', { name: 'other' }, { token: 'keyed', key: 'once-1' })
    expect([theirs.status, theirs.headers.get('idempotency-replayed')]).toEqual([200, null])
  })
})

describe('failures', () => {
  test('a bug is 500 internal_error; neither the answer nor the log tells its secrets', async () => {
    const answer = await api.get('/test/bug')
    expect([answer.status, answer.body.code]).toEqual([500, 'internal_error'])
    const logged = lines.filter((line) => line.includes('request failed')).join()
    expect(logged).toContain(answer.body.request_id)
    expect(answer.text + logged).not.toMatch(/abcdefghijkl|jane@/)
  })
  test('answers 504 timed_out at the deadline and tells the handler by its signal', async () => {
    const answer = await api.get('/test/slow')
    expect([answer.status, answer.body.code, answer.body.timeout_seconds]).toEqual([504, 'timed_out', 1])
  })
  test('answers 503 overloaded beyond the concurrency limit and names it', async () => {
    const waiting = [1, 2, 3].map(() => api.get('/test/wait'))
    const refused = await api.get('/test/open')
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      503,
      'overloaded',
      '1',
    ])
    expect(app.inFlight()).toBe(3)
    gate.resolve()
    expect((await Promise.all(waiting)).map((a) => a.status)).toEqual([204, 204, 204])
  })
  test('answers 503 shutting_down while draining', async () => {
    drain()
    const answer = await api.get('/test/open')
    expect([answer.status, answer.body.code]).toEqual([503, 'shutting_down'])
  })
  test('a Problem keeps its internal cause out of the answer', () => {
    const problem = new Problem('x', { status: 400, title: 't' }, undefined, { cause: new Error('inner') })
    expect(problem.detail).toBe('t')
  })
})
