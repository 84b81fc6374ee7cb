import { beforeAll, describe, expect, test } from 'vitest'
import { indexCards } from '#core/registry/discovery/index-card.ts'
import { didOf, makeEnvelope } from '#test/support/envelope.ts'
import { startSystem } from '#test/support/system.ts'

const { api, registry } = await startSystem()
const get = (path: string, query: Record<string, string> = {}) => api.get(`/discovery${path}`, { query })

describe('GET /discovery/agents over more matches than are ranked at once', () => {
  const COUNT = 2300
  beforeAll(async () => {
    const entries = Array.from({ length: COUNT }, (_, i) => {
      const n = 10_000 + i
      const told = {
        n,
        name: `Bulk ${i % 7 === 0 ? 'bulk bulk' : 'agent'}`,
        percentile: i % 101,
        registry: 'bulk',
        updatedAt: new Date(Date.UTC(2026, 0, 1, 0, i % 60)).toISOString(),
      }
      return { did: didOf(n), agent: null, envelope: makeEnvelope(told), visible: true }
    })
    await registry.db.transaction((tx) => indexCards(tx, entries, null))
  })

  test.each([
    { sort: 'best', q: 'bulk' },
    { sort: 'relevance', q: 'bulk' },
    { sort: 'best', near: '52.5,13.4', radius_km: '50' },
    { sort: 'best' },
    { sort: 'newest' },
    { sort: 'reputation' },
    { sort: 'distance', near: '1,1' },
  ] as Record<string, string>[])('visits each of 2300 matches once by %j', async (query) => {
    const seen = new Set<string>()
    let items = 0
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const { status, body } = await get('/agents', {
        registry: 'bulk',
        ...query,
        limit: '200',
        ...(cursor ? { cursor } : {}),
      })
      expect(status).toBe(200)
      items += body.items.length
      for (const item of body.items) seen.add(item.id)
      cursor = body.next_cursor
    }
    expect([items, seen.size]).toEqual([COUNT, COUNT])
  })

  test('ranks the best 500 by quality against each other first', async () => {
    const { body } = await get('/agents', { registry: 'bulk', q: 'bulk', explain: 'true', limit: '200' })
    const factors = body.items.map(
      (item: { explain: { candidates: number; reputation: number } }) => item.explain,
    )
    expect(new Set(factors.map((one: { candidates: number }) => one.candidates))).toEqual(new Set([500]))
    for (const { reputation } of factors) expect(reputation).toBeGreaterThan(50)
    const scores = body.items.map((item: { score: number }) => item.score)
    expect(scores).toEqual([...scores].sort((a, b) => b - a))
  })

  test('counts facets of them, exact below 5000 matches', async () => {
    const { body } = await get('/facets', { registry: 'bulk' })
    expect(body.approximate).toBe(false)
    expect(body.facets.registries).toEqual([{ value: 'bulk', count: COUNT }])
  })
})
