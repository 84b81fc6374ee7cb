import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { haversineKm } from '#core/base/geo.ts'
import { countFacets } from '#core/registry/discovery/count-facets.ts'
import { findAgents } from '#core/registry/discovery/find-agents.ts'
import { FacetsQuery, FindQuery } from '#core/registry/discovery/schema.ts'
import { testDatabase } from '#test/support/database.ts'
import { idOf, indexAll } from '#test/support/envelope.ts'

const db = await testDatabase()
const seed = Number(process.env.SEED ?? Math.floor(performance.timeOrigin % 2 ** 31))
afterAll(() => process.stdout.write(`find-agents seed ${seed}\n`))

const WORDS = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta']
const TAGS = ['finance', 'Weather', 'übersetzung', 'maps']
const some = <T>(all: readonly T[], max = all.length) =>
  fc.uniqueArray(fc.constantFrom(...all), { maxLength: max })

const sampleOf = fc
  .record({
    words: some(WORDS),
    tags: some(TAGS),
    skill: fc.constantFrom('route-plan', 'translate'),
    input: fc.constantFrom('text/plain', 'image/png'),
    binding: fc.constantFrom('JSONRPC', 'GRPC', 'https://b.example.com/x'),
    provider: fc.constantFrom('Acme GmbH', 'Globex', null),
    registry: fc.constantFrom('ninefold', 'north', 'south'),
    country: fc.constantFrom('DE', 'FJ', 'NO'),
    place: fc.option(
      fc.record({
        latitude: fc.oneof(
          fc.double({ min: -90, max: 90, noNaN: true }),
          fc.double({ min: 89.5, max: 90, noNaN: true }),
          fc.double({ min: -1, max: 1, noNaN: true }),
        ),
        longitude: fc.oneof(
          fc.double({ min: -180, max: 180, noNaN: true }),
          fc.double({ min: 179.5, max: 180, noNaN: true }),
          fc.double({ min: -180, max: -179.5, noNaN: true }),
        ),
      }),
      { freq: 8 },
    ),
    percentile: fc.option(fc.integer({ min: 0, max: 100 })),
    signature: fc.constantFrom('unsigned' as const, 'verified' as const, 'invalid' as const),
    day: fc.integer({ min: 1, max: 28 }),
    visible: fc.boolean(),
  })
  .map((drawn) => ({ ...drawn, visible: drawn.visible || drawn.day > 5 }))

type Drawn = ReturnType<typeof fc.sample<typeof sampleOf extends fc.Arbitrary<infer T> ? T : never>>[number]
const drawn: Drawn[] = fc.sample(sampleOf, { numRuns: 120, seed })
const told = drawn.map((one, n) => ({
  n,
  name: `Agent ${n}`,
  description: one.words.join(' '),
  skills: [
    {
      id: one.skill,
      name: one.skill === 'translate' ? 'Übersetzen' : 'Plan routes',
      description: '',
      tags: one.tags,
      inputModes: [one.input],
    },
  ],
  card: {
    defaultInputModes: [],
    supportedInterfaces: [
      { url: 'https://x.example.com', protocolBinding: one.binding, protocolVersion: '1.0' },
    ],
    ...(one.provider ? { provider: { organization: one.provider, url: 'https://x.example.com' } } : {}),
  },
  registry: one.registry,
  location: one.place ? { country: one.country, ...one.place } : null,
  percentile: one.percentile,
  signature: one.signature,
  updatedAt: `2026-10-${String(one.day).padStart(2, '0')}T00:00:00.000Z`,
  visible: one.visible,
}))
await indexAll(db, told)

const FILTERS = [
  'q',
  'skill',
  'tag',
  'input_mode',
  'binding',
  'provider',
  'registry',
  'country',
  'near',
  'radius_km',
  'min_reputation',
  'signed',
  'updated_since',
] as const
const filters = fc.record({
  q: fc.oneof(
    some(WORDS, 3).map((words) => words.join(' ')),
    some(WORDS, 2).map((words) => words.join(' or ')),
    some(WORDS, 2).map(([a = 'alpha', b = 'beta']) => `${a} -${b}`),
  ),
  skill: fc.constantFrom('route-plan', 'Translate', 'übersetzen'),
  tag: fc.constantFrom('finance', 'WEATHER', 'Übersetzung'),
  input_mode: fc.constantFrom('text/plain', 'IMAGE/png', 'audio/ogg'),
  binding: fc.constantFrom('jsonrpc', 'GRPC', 'https://b.example.com/x'),
  provider: fc.constantFrom('acme gmbh', 'Globex'),
  registry: fc.constantFrom('ninefold', 'north'),
  country: fc.constantFrom('de', 'FJ'),
  near: fc
    .tuple(
      fc.oneof(fc.double({ min: -90, max: 90, noNaN: true }), fc.constantFrom(89.9, 90, -90, 0)),
      fc.oneof(fc.double({ min: -180, max: 180, noNaN: true }), fc.constantFrom(179.9, -180, 180)),
    )
    .map(([latitude, longitude]) => `${latitude.toFixed(6)},${longitude.toFixed(6)}`),
  radius_km: fc.constantFrom('50', '500', '5000', '20000'),
  min_reputation: fc.constantFrom('0', '30', '99.5'),
  signed: fc.constantFrom('true', 'false'),
  updated_since: fc.constantFrom('2026-10-10T00:00:00Z', '2026-10-20T02:00:00+02:00'),
})
type Asked = Record<string, string | undefined>
/** Up to three filters at a time: more of them seldom find anything. */
const asked = fc
  .record({
    filters,
    chosen: fc.subarray([...FILTERS], { maxLength: 3 }),
    sort: fc.constantFrom('best', 'relevance', 'newest', 'reputation', 'distance'),
  })
  .map(({ filters: all, chosen, sort }): Asked => {
    const query: Asked = Object.fromEntries(chosen.map((name) => [name, all[name]]))
    // A place alone, or with its radius; an order by distance needs one.
    if (query.near === undefined) delete query.radius_km
    return { ...query, sort: query.near === undefined && sort === 'distance' ? 'best' : sort }
  })

/** The filters once more, without an index: what the answer must be. */
function naive(query: Asked): number[] {
  const centre = query.near?.split(',').map(Number)
  return drawn.flatMap((one, n) => {
    const words = (query.q ?? '').split(' ').filter((word) => word !== '')
    const has = (word: string) =>
      word.startsWith('-') ? !one.words.includes(word.slice(1)) : one.words.includes(word)
    const byText = words.includes('or') ? words.some((word) => has(word)) : words.every(has)
    const skillName = one.skill === 'translate' ? 'übersetzen' : 'plan routes'
    const away =
      centre && one.place
        ? haversineKm({ latitude: centre[0] ?? 0, longitude: centre[1] ?? 0 }, one.place)
        : null
    const floor = Number(query.min_reputation ?? 0)
    const fits =
      one.visible &&
      byText &&
      (!query.skill || [one.skill, skillName].includes(query.skill.toLowerCase())) &&
      (!query.tag || one.tags.some((tag) => tag.toLowerCase() === query.tag?.toLowerCase())) &&
      (!query.input_mode || one.input === query.input_mode.toLowerCase()) &&
      (!query.binding || one.binding.toLowerCase() === query.binding.toLowerCase()) &&
      (!query.provider || one.provider?.toLowerCase() === query.provider.toLowerCase()) &&
      (!query.registry || one.registry === query.registry) &&
      (!query.country || (one.place !== null && one.country === query.country.toUpperCase())) &&
      (!query.near || (away !== null && away <= Number(query.radius_km ?? 1e9))) &&
      (floor === 0 || (one.percentile !== null && one.percentile >= floor)) &&
      (!query.signed || (query.signed === 'true') === (one.signature === 'verified')) &&
      (!query.updated_since || one.day >= (query.updated_since.startsWith('2026-10-10') ? 10 : 20))
    return fits ? [n] : []
  })
}

async function walk(query: Asked, limit: number) {
  const items: Awaited<ReturnType<typeof findAgents>>['items'] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<typeof findAgents>> = await findAgents(
      { db },
      FindQuery.parse({ ...query, limit: String(limit), explain: 'true', ...(cursor ? { cursor } : {}) }),
    )
    expect(page.items.length).toBeLessThanOrEqual(limit)
    items.push(...page.items)
    cursor = page.next_cursor
  } while (cursor !== null)
  return items
}

describe('findAgents over random cards', () => {
  test('gives exactly what the filters say, every match once over all pages, in the order that was asked', async () => {
    let matched = 0
    await fc.assert(
      fc.asyncProperty(asked, fc.integer({ min: 9, max: 60 }), async (query, limit) => {
        const items = await walk(query, limit)
        const ids = items.map((item) => item.id)
        expect([...ids].sort()).toEqual(naive(query).map(idOf).sort())
        matched += ids.length
        const keys = items.map((item) => {
          const { reputation, distance_km } = item.explain ?? { reputation: null, distance_km: null }
          switch (query.sort) {
            case 'newest':
              return -Date.parse(item.updated_at)
            case 'reputation':
              return -(reputation ?? 50)
            case 'distance':
              return distance_km ?? Number.NaN
            default:
              return -item.score
          }
        })
        expect(keys).toEqual([...keys].sort((a, b) => a - b))
      }),
      { numRuns: 150, seed },
    )
    expect(matched).toBeGreaterThan(250)
  })

  test('counts facets of exactly the cards that the same filters find', async () => {
    await fc.assert(
      fc.asyncProperty(asked, async ({ sort: _sort, ...query }) => {
        const { facets, approximate } = await countFacets({ db }, FacetsQuery.parse(query))
        const matches = naive(query).map((n) => drawn[n] as Drawn)
        const count = (of: (one: Drawn) => string[]) => {
          const counts = new Map<string, number>()
          for (const value of matches.flatMap(of)) counts.set(value, (counts.get(value) ?? 0) + 1)
          return Object.fromEntries(counts)
        }
        const given = (name: keyof typeof facets) =>
          Object.fromEntries(facets[name].map(({ value, count: n }) => [value, n]))
        expect(approximate).toBe(false)
        expect(given('tags')).toEqual(count((one) => one.tags.map((tag) => tag.toLowerCase())))
        expect(given('skills')).toEqual(count((one) => [one.skill]))
        expect(given('providers')).toEqual(count((one) => (one.provider ? [one.provider] : [])))
        expect(given('countries')).toEqual(count((one) => (one.place ? [one.country] : [])))
        expect(given('registries')).toEqual(count((one) => [one.registry]))
        expect(given('signature_status')).toEqual(count((one) => [one.signature]))
      }),
      { numRuns: 60, seed },
    )
  })
})
