import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { findAgents } from '#core/registry/discovery/find-agents.ts'
import { indexCard, indexCards } from '#core/registry/discovery/index-card.ts'
import { readCard } from '#core/registry/discovery/rules.ts'
import { FindQuery } from '#core/registry/discovery/schema.ts'
import { testDatabase } from '#test/support/database.ts'
import { didOf, idOf, indexAll, makeEnvelope } from '#test/support/envelope.ts'

const db = await testDatabase()
beforeEach(() => db.query('truncate registry.discovery_cards, registry.discovery_terms'))
const find = (query: Record<string, string>) => findAgents({ db }, FindQuery.parse(query))
const namesOf = async (query: Record<string, string>) =>
  (await find(query)).items.map((item) => item.card.name)

describe('indexCard', () => {
  test('makes a card found as soon as its transaction commits, and not before', async () => {
    const failed = db.transaction(async (tx) => {
      const envelope = makeEnvelope({ n: 1, name: 'Weather Wizard' })
      await indexCard(tx, { did: didOf(1), agent: idOf(1), envelope, visible: true, time: null })
      throw new Error('rolled back')
    })
    await expect(failed).rejects.toThrow('rolled back')
    expect(await namesOf({ q: 'weather' })).toEqual([])
    await indexAll(db, [{ n: 1, name: 'Weather Wizard' }])
    expect(await namesOf({ q: 'weather' })).toEqual(['Weather Wizard'])
  })

  test('serves the envelope as it was given, member by member and in its order', async () => {
    const [envelope] = await indexAll(db, [
      { n: 1, card: { zulu: { b: 1, a: [null, 'x'] }, alpha: '\u2028 " \\ 天' }, percentile: 87.5 },
    ])
    const [item] = (await find({})).items
    const { score, ...served } = item ?? { score: Number.NaN }
    expect(score).toBeGreaterThan(0)
    expect(JSON.stringify(served)).toBe(JSON.stringify(envelope))
  })

  test('replaces a card by a newer one, never by an older one, and hides what is not visible', async () => {
    await indexAll(db, [{ n: 1, name: 'First', sequence: 2 }])
    await indexAll(db, [{ n: 1, name: 'Older', sequence: 1 }])
    expect(await namesOf({})).toEqual(['First'])
    await indexAll(db, [{ n: 1, name: 'Newer', sequence: 3 }])
    expect(await namesOf({})).toEqual(['Newer'])
    expect(await namesOf({ q: 'first' })).toEqual([])
    await indexAll(db, [{ n: 1, name: 'Newer', sequence: 4, visible: false }])
    expect(await namesOf({})).toEqual([])
  })

  test('keeps a known reputation when the publisher has none to tell', async () => {
    await indexAll(db, [{ n: 1, percentile: 91, sequence: 1 }])
    await indexAll(db, [{ n: 1, percentile: null, sequence: 2 }])
    const [item] = (await find({ min_reputation: '90' })).items
    expect(item?.reputation.percentile).toBe(91)
  })

  test('takes many cards at once; of two entries of one did the last counts', async () => {
    const entries = ['One', 'Two', 'Three'].map((name, i) => ({
      did: didOf(Math.min(i, 1)),
      agent: null,
      envelope: makeEnvelope({ n: Math.min(i, 1), name }),
      visible: true,
    }))
    await db.transaction((tx) => indexCards(tx, entries, null))
    expect((await namesOf({})).sort()).toEqual(['One', 'Three'])
  })

  test('bears whatever a peer calls a card', async () => {
    const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>
    const card = fc.record(
      {
        name: json,
        description: json,
        provider: json,
        skills: fc.oneof(json, fc.array(fc.record({ id: json, name: json, tags: json, examples: json }))),
        supportedInterfaces: json,
        defaultInputModes: json,
      },
      { requiredKeys: [] },
    )
    const strange = fc.record({
      card: fc.oneof(card, json),
      origin_registry_location: json,
      reputation: json,
      sequence: json,
      updated_at: json,
      signature_status: json,
    })
    await fc.assert(
      fc.asyncProperty(strange, async (envelope) => {
        // NUL and lone surrogates are refused at the door of every route.
        const text = JSON.stringify(envelope)
        fc.pre(!text.includes('\\u0000') && !/\\ud[89a-f]/i.test(text))
        const entry = { did: didOf(7), agent: null, envelope: JSON.parse(text), visible: true }
        await db.transaction((tx) => indexCards(tx, [entry], null))
      }),
      { numRuns: 150 },
    )
  })

  test('keeps a card of the largest size within the bounds of an index row', async () => {
    const words = Array.from({ length: 12_000 }, (_, i) => `word${i}`).join(' ')
    await indexAll(db, [{ n: 1, description: words }])
    expect(await namesOf({ q: 'word77 ' })).toHaveLength(1)
  })
})

describe('readCard', () => {
  const row = (told: Parameters<typeof makeEnvelope>[0]) =>
    readCard({ did: didOf(told.n), agent: null, envelope: makeEnvelope(told), visible: true }).row

  test('weighs the name A, skills, tags, examples and provider B, descriptions C', () => {
    const { search } = row({
      n: 1,
      name: 'Alpha',
      description: 'Epsilon',
      skills: [{ id: 'betaGamma', name: 'Delta', description: 'Zeta', tags: ['eta'], examples: ['theta'] }],
      card: { provider: { organization: 'Iota', url: 'https://iota.example.com' } },
    })
    const weight = (word: string) => new RegExp(`'${word}':\\d+([A-C])`).exec(search)?.[1]
    expect(weight('alpha')).toBe('A')
    for (const word of ['betagamma', 'beta', 'gamma', 'delta', 'eta', 'theta', 'iota'])
      expect([word, weight(word)]).toEqual([word, 'B'])
    for (const word of ['epsilon', 'zeta']) expect([word, weight(word)]).toEqual([word, 'C'])
  })

  test('joins modes of the card and of its skills, and knows core bindings in any case', () => {
    const read = row({
      n: 1,
      skills: [
        { id: 'a', name: 'A', description: '', tags: [], inputModes: ['Image/PNG'], outputModes: ['x/y'] },
      ],
      card: {
        supportedInterfaces: [
          { url: 'https://a.example.com', protocolBinding: 'grpc', protocolVersion: '1.0' },
          { url: 'https://a.example.com', protocolBinding: 'https://Example.com/B', protocolVersion: '1.0' },
        ],
      },
    })
    expect(read.input_modes).toEqual(['text/plain', 'image/png'])
    expect(read.output_modes).toEqual(['text/plain', 'x/y'])
    expect(read.bindings).toEqual(['GRPC', 'https://Example.com/B'])
  })

  test('tells how complete a card is in fifths', () => {
    expect(row({ n: 1 }).completeness).toBe(0)
    expect(
      row({ n: 1, description: 'x'.repeat(40), card: { iconUrl: 'https://a.example.com/i.png' } })
        .completeness,
    ).toBe(0.4)
  })
})
