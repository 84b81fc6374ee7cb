import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Context } from '#core/platform/context.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'
import { describeApi } from '#core/runtime/describe-api.ts'

const { get, post, put } = rowsOf<Context>()
const Thing = z.strictObject({ name: z.string() })
const open = { summary: 'x', callers: 'public' } as const
const group = defineFunction<Context>({
  tag: 'test',
  rows: [
    get('/things', { ...open, reply: Thing, condition: 'If-None-Match', alsoStatus: [304] }, () => null),
    put('/things', { ...open, body: Thing, reply: Thing, condition: 'If-Match' }, () => null),
    post(
      '/things',
      { ...open, body: Thing, reply: Thing, status: 201, location: () => '/x', idempotency: 'gate' },
      () => null,
    ),
    get('/list', { ...open, reply: Thing, raw: 'text/csv' }, () => null),
    get('/probe', { ...open, uncounted: true }, () => null),
  ],
})
const info = { title: 'x', version: '1', description: '', serverUrl: 'http://127.0.0.1:8000' }
const document = describeApi([{ prefix: '/api/v1', group }] as never, info)
const paths = document.paths as Record<string, Record<string, ReturnType<typeof JSON.parse>>>
const at = (method: string, path: string) => paths[`/api/v1${path}`]?.[method]
const headers = (method: string, path: string, status: number) =>
  Object.keys(at(method, path).responses[status].headers ?? {}).sort()

describe('the OpenAPI document', () => {
  test('names the headers that a request needs, so that a generated client can send them', () => {
    expect(at('put', '/things').parameters).toMatchObject([
      { name: 'Idempotency-Key', in: 'header', required: false },
      { name: 'If-Match', in: 'header', required: true },
    ])
    expect(at('get', '/things').parameters).toMatchObject([{ name: 'If-None-Match', required: false }])
    expect(at('post', '/things').parameters).toMatchObject([{ name: 'Idempotency-Key', required: true }])
    expect(at('get', '/probe').parameters).toEqual([])
  })

  test('names the headers of replies, and all of them are described', () => {
    const always = ['RateLimit', 'RateLimit-Policy', 'X-Request-Id']
    expect(headers('post', '/things', 201)).toEqual(['Idempotency-Replayed', 'Location', ...always].sort())
    expect(headers('post', '/things', 422)).toEqual(['Idempotency-Replayed'])
    expect(headers('get', '/things', 422)).toEqual([])
    expect(headers('get', '/things', 200)).toEqual(['ETag', ...always])
    expect(headers('get', '/things', 304)).toEqual(['ETag', ...always])
    expect(headers('get', '/list', 429)).toEqual(['RateLimit', 'RateLimit-Policy', 'Retry-After'])
    expect(headers('get', '/probe', 503)).toEqual(['Retry-After'])
    expect(headers('get', '/probe', 204)).toEqual(['X-Request-Id'])
    const { components } = document as { components: { headers: object } }
    const used = JSON.stringify(paths).matchAll(/#\/components\/headers\/([A-Za-z-]+)/g)
    for (const [, name] of used) expect(components.headers).toHaveProperty(name as string)
  })

  test('says that a reply that is no JSON is text, beside the JSON of its shape', () => {
    const { content } = at('get', '/list').responses[200]
    expect(content['text/csv']).toEqual({ schema: { type: 'string' } })
    expect(content['application/json'].schema).toMatchObject({ required: ['name'] })
  })
})
