import { describe, expect, test } from 'vitest'
import { writeMail } from '#core/registry/mail/rules.ts'
import { describeApi } from '#core/runtime/describe-api.ts'
import { buildRegistry } from '#host/build-registry.ts'
import { startSystem } from '#test/support/system.ts'

const system = await startSystem()
const registry = await buildRegistry({
  config: system.config,
  resources: system.registry,
  teg: system.registry.teg,
  wake: () => undefined,
  observe: () => undefined,
  draining: () => false,
})
const info = { title: 'Ninefold', version: 'test', description: '', serverUrl: 'http://h' }
const { app } = registry
const ask = (path: string, method = 'GET') =>
  Promise.resolve(app.fetch(new Request(`http://h${path}`, { method }), { address: '10.0.0.1' }))

describe('the link of every kind of mail', () => {
  test.each(['verify', 'reset', 'known', 'invite'] as const)(
    'leads to a page: %s, and its form goes to a route of the API',
    async (kind) => {
      const token = kind === 'known' ? null : 'abc'
      const { text } = writeMail(kind, { registry: 'r', publicUrl: 'http://h', token })
      const link = /http:\/\/h(\S+)/.exec(text)?.[1] ?? ''
      const answer = await ask(link)
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
      const page = await answer.text()
      const post = /data-post="([^"]+)"/.exec(page)?.[1] ?? ''
      const { paths } = describeApi(registry.mounted, info) as { paths: Record<string, { post?: object }> }
      expect(paths[post]?.post).toBeDefined()
      const source = /src="([^"]+)"/.exec(page)?.[1] ?? ''
      expect((await ask(source)).headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    },
  )
})

describe('the documents', () => {
  test('name every path that is served, their own too', async () => {
    const { paths } = JSON.parse(await (await ask('/openapi.json')).text())
    expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/openapi.json', '/docs', '/health']))
  })

  test('answer 405 method_not_allowed to other methods, and 304 to a reader who has them', async () => {
    const wrong = await ask('/openapi.json', 'POST')
    expect([wrong.status, wrong.headers.get('allow'), JSON.parse(await wrong.text()).code]).toEqual([
      405,
      'GET, HEAD',
      'method_not_allowed',
    ])
    const etag = (await ask('/openapi.json')).headers.get('etag') ?? ''
    const request = new Request('http://h/openapi.json', { headers: { 'if-none-match': etag } })
    expect((await app.fetch(request, { address: '10.0.0.1' })).status).toBe(304)
  })

  test('the reference page and all that it loads are served here', async () => {
    const page = await (await ask('/docs')).text()
    const parts = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] as string)
    expect(parts.length).toBeGreaterThan(2)
    for (const part of parts) expect([part, (await ask(part)).status]).toEqual([part, 200])
  })
})
