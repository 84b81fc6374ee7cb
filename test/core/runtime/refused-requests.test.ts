import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Context } from '#core/platform/context.ts'
import { rowsOf } from '#core/runtime/define-function.ts'
import { testApp } from '#test/support/app.ts'
import { testDatabase } from '#test/support/database.ts'

const { get, post } = rowsOf<Context>()
const Thing = z.strictObject({ name: z.string() })
const db = await testDatabase()
const rows = [
  get(
    '/things/:name',
    { summary: 'x', callers: 'public', params: Thing, reply: Thing },
    ({ params }) => params,
  ),
  post('/things/all', { summary: 'x', callers: 'public', reply: Thing }, () => ({ name: 'all' })),
  post('/echo', { summary: 'x', callers: 'public', body: Thing, reply: Thing }, ({ body }) => body),
]
const { api } = await testApp(db, { rows })

describe('a request that no row takes', () => {
  test('answers 405 where a literal path takes another method, also beside a parameter in its place', async () => {
    const answer = await api.get('/test/things/all')
    expect([answer.status, answer.body.code, answer.headers.get('allow')]).toEqual([
      405,
      'method_not_allowed',
      'POST',
    ])
    const head = await api.raw(new Request('http://h/api/v1/test/things/all', { method: 'HEAD' }))
    expect([head.status, head.headers.get('allow')]).toEqual([405, 'POST'])
    expect((await api.get('/test/things/one')).body).toEqual({ name: 'one' })
    expect((await api.post('/test/things/all')).body).toEqual({ name: 'all' })
  })

  test('answers 415 unsupported_media_type to a coded body, and says that it is read as it is', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
    const answer = await api.post('/test/echo', { name: 'a' }, { headers })
    expect([answer.status, answer.body.code, answer.headers.get('accept-encoding')]).toEqual([
      415,
      'unsupported_media_type',
      'identity',
    ])
    expect(answer.body.detail).toContain('gzip')
    const plain = { ...headers, 'content-encoding': 'identity' }
    expect((await api.post('/test/echo', { name: 'a' }, { headers: plain })).body).toEqual({ name: 'a' })
  })

  test('counts a bad credential for its address: guessing comes to 429, and says when to go on', async () => {
    const limited = await testApp(db, { rows }, { perMinute: 3 })
    const guess = (token: string) => limited.api.get('/test/things/one', { token })
    for (const token of ['a', 'b', 'c']) {
      const { status, headers } = await guess(token)
      expect([status, headers.get('ratelimit-policy')]).toEqual([401, '"public";q=3;w=60'])
    }
    const answer = await guess('d')
    expect([answer.status, answer.body.code]).toEqual([429, 'rate_limited'])
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await limited.api.get('/test/things/one')).status).toBe(429)
    // Whoever has a good one has a quota of its own.
    expect((await guess('dev')).status).toBe(200)
  })
})
