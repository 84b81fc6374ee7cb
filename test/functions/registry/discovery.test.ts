import { beforeAll, describe, expect, test } from 'vitest'
import { didOf, idOf, indexAll } from '#test/support/envelope.ts'
import type { Answer } from '#test/support/request.ts'
import { startSystem } from '#test/support/system.ts'

const { api, registry } = await startSystem({ REGISTRY_LOCATION: 'DE;Berlin;Berlin;52.52;13.405' })
const suva = { country: 'FJ', city: 'Suva', latitude: -18.1416, longitude: 178.4419 }
const apia = { country: 'WS', city: 'Apia', latitude: -13.8333, longitude: -171.7667 }
const polar = { country: 'NO', latitude: 89.99, longitude: 30 }
const get = (path: string, query: Record<string, string> = {}) => api.get(`/discovery${path}`, { query })
const names = (answer: Answer): string[] => {
  expect(answer.status).toBe(200)
  return answer.body.items.map((item: { card: { name: string } }) => item.card.name)
}
const find = async (query: Record<string, string>) => names(await get('/agents', query))

beforeAll(async () => {
  await indexAll(registry.db, [
    {
      n: 1,
      name: 'Weather Wizard',
      updatedAt: '2026-11-01T00:00:00.000Z',
      percentile: 90,
      signature: 'verified',
    },
    { n: 2, name: '天气预报助手', updatedAt: '2026-11-03T00:00:00.000Z', percentile: 10 },
    { n: 3, name: 'Müllers Übersetzer', updatedAt: '2026-11-02T00:00:00.000Z' },
    { n: 4, name: 'Suva Guide', registry: 'pacific', location: suva, signature: 'invalid' },
    { n: 5, name: 'Apia Guide', registry: 'samoa', location: apia, status: 'deprecated' },
    { n: 6, name: 'Polar Guide', registry: 'north', location: polar },
    { n: 7, name: 'Hidden Guide', visible: false },
    { n: 8, name: 'Nowhere Guide', registry: 'lost', location: null },
  ])
})

describe('GET /discovery/agents', () => {
  test.each([
    [{ q: 'guide', sort: 'relevance' }, ['Apia Guide', 'Nowhere Guide', 'Polar Guide', 'Suva Guide']],
    [{ q: '天气' }, ['天气预报助手']],
    [{ q: '预报 ' }, ['天气预报助手']],
    [{ q: '气' }, ['天气预报助手']],
    [{ q: '气天' }, []],
    [{ q: 'mullers' }, ['Müllers Übersetzer']],
    [{ q: 'Muellers' }, ['Müllers Übersetzer']],
    [{ q: 'MÜLLERS uebersetzer' }, ['Müllers Übersetzer']],
    [{ q: 'wea' }, ['Weather Wizard']],
    [{ q: 'wea ' }, []],
    [{ q: '"weather wizard"' }, ['Weather Wizard']],
    [{ q: '"wizard weather"' }, []],
    [{ q: 'guide -suva -polar -nowhere' }, ['Apia Guide']],
    [{ q: 'wizard or polar', sort: 'newest' }, ['Polar Guide', 'Weather Wizard']],
    [{ near: '-16,-179', radius_km: '1000', sort: 'distance' }, ['Suva Guide', 'Apia Guide']],
    [{ near: '-18,180', radius_km: '200' }, ['Suva Guide']],
    [{ near: '-18,-180', radius_km: '200' }, ['Suva Guide']],
    [{ near: '89.99,-150', radius_km: '5' }, ['Polar Guide']],
    [{ near: '90,0', radius_km: '0.5' }, []],
    [{ country: 'fj' }, ['Suva Guide']],
    [{ registry: 'samoa' }, ['Apia Guide']],
    [{ signed: 'true' }, ['Weather Wizard']],
    [{ min_reputation: '10', sort: 'reputation' }, ['Weather Wizard', '天气预报助手']],
    [{ min_reputation: '90.5' }, []],
    [{ registry: 'ninefold', sort: 'newest' }, ['天气预报助手', 'Müllers Übersetzer', 'Weather Wizard']],
    [{ updated_since: '2026-11-02T00:00:00Z', sort: 'newest' }, ['天气预报助手', 'Müllers Übersetzer']],
    [{ tag: 'nothing' }, []],
    [{ q: '', registry: 'north' }, ['Polar Guide']],
    [{ q: '?!' }, []],
  ] as [Record<string, string>, string[]][])(
    'answers 200 with the matches of %j',
    async (query, expected) => {
      const found = await find(query)
      expect(query.sort && query.sort !== 'relevance' ? found : found.sort()).toEqual(
        query.sort && query.sort !== 'relevance' ? expected : [...expected].sort(),
      )
    },
  )

  test('answers 200 with an empty list or a list for whatever stands in q, and the index stays whole', async () => {
    const nasty = [
      "'; drop table registry.discovery_cards; --",
      "') or 1=1 --",
      '\\',
      "\\'",
      '$1',
      '%',
      ':*',
      '!',
      '& | ! <-> ()',
      '"',
      '-"',
      '-- ',
      '((((((((',
      'a:*b:*',
      '\u202e\u200b',
      '💥💥',
      'x'.repeat(512),
      'or or or',
    ]
    for (const q of nasty) expect([q, (await get('/agents', { q })).status]).toEqual([q, 200])
    expect(await find({ tag: "'}; drop table x; --", provider: '\\', registry: "'" })).toEqual([])
    expect(await find({ q: 'weather' })).toEqual(['Weather Wizard'])
  })

  test.each([
    [{ near: '52.5' }, '?near'],
    [{ near: '91,0' }, '?near'],
    [{ near: '0,180.5' }, '?near'],
    [{ near: 'NaN,0' }, '?near'],
    [{ near: '1e1,0' }, '?near'],
    [{ near: '0,0', radius_km: '0' }, '?radius_km'],
    [{ near: '0,0', radius_km: '20000.1' }, '?radius_km'],
    [{ near: '0,0', radius_km: '-1' }, '?radius_km'],
    [{ radius_km: '5' }, '?radius_km'],
    [{ sort: 'distance' }, '?sort'],
    [{ sort: 'price' }, '?sort'],
    [{ min_reputation: '101' }, '?min_reputation'],
    [{ min_reputation: '-1' }, '?min_reputation'],
    [{ signed: 'yes' }, '?signed'],
    [{ explain: '1' }, '?explain'],
    [{ updated_since: 'yesterday' }, '?updated_since'],
    [{ updated_since: '2026-13-01T00:00:00Z' }, '?updated_since'],
    [{ country: 'Germany' }, '?country'],
    [{ q: 'x'.repeat(513) }, '?q'],
    [{ limit: '0' }, '?limit'],
    [{ limit: '201' }, '?limit'],
    [{ cursor: 'nonsense' }, '?cursor'],
    [{ owner: 'me' }, '?owner'],
    [{ tag: '' }, '?tag'],
  ] as [Record<string, string>, string][])(
    'answers 400 validation_failed to %j naming %s',
    async (query, pointer) => {
      const { status, body } = await get('/agents', query)
      expect([status, body.code]).toEqual([400, 'validation_failed'])
      expect(body.errors.map((error: { pointer: string }) => error.pointer)).toContain(pointer)
    },
  )

  test('takes a tag or skill several times and wants all of them', async () => {
    const { status, body } = await api.get('/discovery/agents?tag=general&tag=missing')
    expect([status, body.items]).toEqual([200, []])
    expect(names(await api.get('/discovery/agents?tag=general&tag=GENERAL&skill=Work&signed=true'))).toEqual([
      'Weather Wizard',
    ])
  })

  test.each(['best', 'relevance', 'newest', 'reputation', 'distance'])(
    'visits every match once when paging by %s, and answers 400 cursor_mismatch under other filters',
    async (sort) => {
      const query: Record<string, string> = { sort, limit: '2', near: '10,10' }
      const seen: string[] = []
      let first: string | undefined
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const answer = await get('/agents', { ...query, ...(cursor ? { cursor } : {}) })
        seen.push(...names(answer))
        cursor = answer.body.next_cursor
        first ??= cursor ?? undefined
      }
      expect(seen).toHaveLength(6)
      expect(new Set(seen).size).toBe(6)
      const others: Record<string, string>[] = [
        { q: 'guide' },
        { near: '10,11' },
        { sort: sort === 'best' ? 'newest' : 'best' },
      ]
      for (const other of others) {
        const { status, body } = await get('/agents', { ...query, ...other, cursor: first ?? '' })
        expect([status, body.code]).toEqual([400, 'cursor_mismatch'])
      }
    },
  )

  test('answers 400 validation_failed to a forged cursor', async () => {
    const { body } = await get('/agents', { limit: '1' })
    const parts = JSON.parse(Buffer.from(body.next_cursor, 'base64url').toString())
    const forged = [
      [parts[0]],
      [parts[0], 'x', 'y', 'z', '', ''],
      [parts[0], '', '', '1e999', '1', 'did'],
      [parts[0], '', '', "1'", '1', 'did'],
      { 0: parts[0] },
    ]
    for (const keys of forged) {
      const cursor = Buffer.from(JSON.stringify(keys)).toString('base64url')
      const answer = await get('/agents', { limit: '1', cursor })
      expect([keys, answer.status, answer.body.code]).toEqual([keys, 400, 'validation_failed'])
    }
  })

  test('explains each factor of a score when asked, and is silent about it otherwise', async () => {
    const query = { q: 'weather', near: '52,13', radius_km: '100' }
    const [item] = (await get('/agents', { ...query, explain: 'true' })).body.items
    expect(item.explain).toEqual({
      relevance: 0.5,
      quality: expect.closeTo(0.6 * 0.9 + 0.2 * 1 + 0.2 * 0, 9),
      reputation: 90,
      signature_status: 'verified',
      completeness: 0,
      status: 'active',
      distance_km: expect.closeTo(64.055, 2),
      distance_factor: expect.closeTo(1 / (1 + 0.64055), 4),
      corrected_query: null,
      candidates: 1,
    })
    const { relevance, quality, distance_factor } = item.explain
    expect(item.score).toBeCloseTo(relevance * (0.5 + 0.5 * quality) * distance_factor, 12)
    expect((await get('/agents', query)).body.items[0]).not.toHaveProperty('explain')
  })

  test('ranks the better agent first by sort=best, and a deprecated one behind its equals', async () => {
    expect((await find({ registry: 'ninefold' }))[0]).toBe('Weather Wizard')
    expect((await find({ q: 'guide' })).at(-1)).toBe('Apia Guide')
  })
})

describe('GET /discovery/agents/{did-or-id}', () => {
  test('answers 200 with the envelope by id, by did, and by a did whose port was decoded on the way', async () => {
    for (const ref of [idOf(1), encodeURIComponent(didOf(1)), didOf(1)]) {
      const { status, body } = await get(`/agents/${ref}`)
      expect([status, body.did, body.card.name]).toEqual([200, didOf(1), 'Weather Wizard'])
      expect(body).not.toHaveProperty('score')
    }
    expect((await get(`/agents/${encodeURIComponent(didOf(4))}`)).body.origin_registry).toBe('pacific')
  })

  test.each([
    ['an unknown id', idOf(999)],
    ['an unknown did', 'did:web:elsewhere.example.com:agents:1'],
    ['a hidden agent', idOf(7)],
  ])('answers 404 agent_not_found for %s', async (_name, ref) => {
    const { status, body } = await get(`/agents/${ref}`)
    expect([status, body.code]).toEqual([404, 'agent_not_found'])
  })
})

describe('GET /discovery/facets, /suggest, /registries', () => {
  test('answers 200 with the counts of a search, typos repaired', async () => {
    const { body } = await get('/facets', { q: 'gude' })
    expect(body.facets.countries).toEqual([
      { value: 'FJ', count: 1 },
      { value: 'NO', count: 1 },
      { value: 'WS', count: 1 },
    ])
    expect(body.facets.tags).toEqual([{ value: 'general', count: 4 }])
    expect((await get('/facets', { q: '?!' })).body.facets.tags).toEqual([])
    expect((await get('/facets', { sort: 'best' })).body.code).toBe('validation_failed')
  })

  test('answers 200 with suggestions and 400 validation_failed without a prefix', async () => {
    const { body } = await get('/suggest', { prefix: 'wea' })
    expect(body.items).toEqual([
      { text: 'Weather Wizard', kind: 'agent' },
      { text: 'weather', kind: 'word' },
    ])
    for (const query of [{}, { prefix: '' }, { prefix: 'a', limit: '51' }] as Record<string, string>[]) {
      const { status, body: problem } = await get('/suggest', query)
      expect([status, problem.code]).toEqual([400, 'validation_failed'])
    }
  })

  test('answers 200 with every origin, its place and its agents, page by page', async () => {
    const all = (await get('/registries')).body
    const byName = new Map(all.items.map((item: { name: string }) => [item.name, item]))
    expect([...byName.keys()]).toEqual(['lost', 'ninefold', 'north', 'pacific', 'samoa'])
    expect(byName.get('ninefold')).toEqual({
      name: 'ninefold',
      local: true,
      location: { country: 'DE', region: 'Berlin', city: 'Berlin', latitude: 52.52, longitude: 13.405 },
      agents: 3,
      approximate: false,
    })
    expect(byName.get('pacific')).toMatchObject({ local: false, location: suva, agents: 1 })
    expect(byName.get('lost')).toMatchObject({ location: null })
    const seen: string[] = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const { body } = await get('/registries', { limit: '2', ...(cursor ? { cursor } : {}) })
      seen.push(...body.items.map((item: { name: string }) => item.name))
      cursor = body.next_cursor
    }
    expect(seen).toEqual([...byName.keys()])
  })
})

describe('GET /discovery/registries of a registry without agents', () => {
  test('answers 200 with itself alone', async () => {
    const empty = await startSystem({ REGISTRY_NAME: 'lonely' })
    expect((await empty.api.get('/discovery/registries')).body).toEqual({
      items: [{ name: 'lonely', local: true, location: null, agents: 0, approximate: false }],
      next_cursor: null,
    })
  })
})
