import { beforeEach, describe, expect, test } from 'vitest'
import { findAgents } from '#core/registry/discovery/find-agents.ts'
import { refreshLexicon } from '#core/registry/discovery/refresh-lexicon.ts'
import { chooseNearest, countSlips } from '#core/registry/discovery/repair-words.ts'
import { FindQuery } from '#core/registry/discovery/schema.ts'
import { suggestTerms } from '#core/registry/discovery/suggest-terms.ts'
import { testDatabase } from '#test/support/database.ts'
import { indexAll } from '#test/support/envelope.ts'

const db = await testDatabase()
beforeEach(() => db.query('truncate registry.discovery_cards, registry.discovery_terms'))
const find = async (q: string) => {
  const { items } = await findAgents({ db }, FindQuery.parse({ q, explain: 'true' }))
  return items.map((item) => [item.card.name, item.explain?.corrected_query])
}
const suggest = async (prefix: string, limit = 10) =>
  (await suggestTerms({ db }, prefix, limit)).items.map(({ kind, text }) => `${kind}:${text}`)
const skill = (name: string, tags: string[]) => ({ id: name.toLowerCase(), name, description: '', tags })

describe('countSlips', () => {
  test.each([
    ['weather', 'weather', 0],
    ['wether', 'weather', 1],
    ['waether', 'weather', 1],
    ['weatherr', 'weather', 1],
    ['weathor', 'weather', 1],
    ['watehr', 'weather', 2],
    ['', 'abc', 3],
    ['übersetzen', 'übersetzung', 2],
  ])('counts %j to %j as %i', (a, b, slips) => {
    expect(countSlips(a, b)).toBe(slips)
    expect(countSlips(b, a)).toBe(slips)
  })

  test('of equally near words the more frequent is chosen, and a far one never', () => {
    const known = [
      { word: 'forecasts', cards: 1n },
      { word: 'forecast', cards: 2n },
      { word: 'forecaste', cards: 9n },
    ]
    expect(chooseNearest('forecastt', known)).toBe('forecaste')
    expect(chooseNearest('elephant', known)).toBeNull()
    expect(chooseNearest('mapps', [{ word: 'mops', cards: 5n }])).toBeNull()
  })
})

describe('repair of typos', () => {
  test.each(['wether', 'waether', 'weathr wizard', 'wizard waether', 'Weatherr'])(
    'finds the weather wizard for %j and tells how the question was read',
    async (q) => {
      await indexAll(db, [
        { n: 1, name: 'Weather Wizard' },
        { n: 2, name: 'Route Planner' },
      ])
      expect(await find(q)).toEqual([
        [
          'Weather Wizard',
          q.toLowerCase().includes('wizard')
            ? expect.stringMatching(/^(weather wizard|wizard weather)$/)
            : 'weather',
        ],
      ])
    },
  )

  test('leaves a word alone that some card holds, even when nothing matches the whole question', async () => {
    await indexAll(db, [
      { n: 1, name: 'Weather' },
      { n: 2, name: 'Leather' },
    ])
    expect(await find('weather leather')).toEqual([])
    expect(await find('leather')).toEqual([['Leather', null]])
  })

  test('leaves short words, numbers and words without a neighbour alone', async () => {
    await indexAll(db, [{ n: 1, name: 'Map v2025 weather' }])
    for (const q of ['mpa', 'v2024', 'zzzzzzzz', '-wether', '"??"'])
      expect([q, await find(q)]).toEqual([q, q === '-wether' ? [['Map v2025 weather', null]] : []])
  })

  test('pages through a repaired search as through any other', async () => {
    await indexAll(
      db,
      Array.from({ length: 7 }, (_, n) => ({ n, name: `Weather ${n}` })),
    )
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<typeof findAgents>> = await findAgents(
        { db },
        FindQuery.parse({ q: 'wether', limit: '3', ...(cursor ? { cursor } : {}) }),
      )
      seen.push(...page.items.map((item) => item.id))
      cursor = page.next_cursor
    } while (cursor)
    expect(seen).toHaveLength(7)
    expect(new Set(seen).size).toBe(7)
  })
})

describe('suggestTerms', () => {
  test('offers names, tags, skills and words of a card at once', async () => {
    await indexAll(db, [
      { n: 1, name: 'Weather Wizard', skills: [skill('Weekly plan', ['Weekend', 'maps'])] },
    ])
    expect(await suggest('we')).toEqual([
      'agent:Weather Wizard',
      'tag:weekend',
      'skill:Weekly plan',
      'word:weather',
      'word:weekly',
    ])
    expect(await suggest('WEEKL')).toEqual(['skill:Weekly plan', 'word:weekly'])
    expect(await suggest('weather w')).toEqual(['agent:Weather Wizard'])
  })

  test('finds without accents, and Chinese names by their first sign', async () => {
    await indexAll(db, [
      { n: 1, name: 'Übersetzer', skills: [skill('Ökonomie', ['Äpfel'])] },
      { n: 2, name: '天气助手' },
    ])
    expect(await suggest('uber')).toEqual(['agent:Übersetzer'])
    expect(await suggest('Üb')).toEqual(['agent:Übersetzer'])
    expect(await suggest('apf')).toEqual(['tag:äpfel'])
    expect(await suggest('天')).toEqual(['agent:天气助手'])
  })

  test('holds the limit, comes without hidden cards, and knows nothing of an empty prefix', async () => {
    await indexAll(db, [
      ...Array.from({ length: 5 }, (_, n) => ({ n, name: `Alpha ${n}` })),
      { n: 9, name: 'Alphahidden', visible: false },
    ])
    expect(await suggest('alph', 3)).toHaveLength(3)
    expect((await suggest('alph', 50)).join()).not.toContain('hidden')
    expect(await suggest('  ')).toEqual([])
    expect(await suggest('%_')).toEqual([])
  })
})

describe('refreshLexicon', () => {
  test('counts cards, puts the frequent first, and forgets a term after two counts without a card', async () => {
    await indexAll(db, [
      { n: 1, name: 'Planet', skills: [skill('Plot', ['plan'])] },
      { n: 2, name: 'Plasma plankton', skills: [skill('Plot', ['plants'])] },
      { n: 3, name: 'Plankton', skills: [skill('Plot', ['plants'])] },
    ])
    await refreshLexicon({ db })
    expect((await suggest('plan')).filter((item) => item.startsWith('tag'))).toEqual([
      'tag:plants',
      'tag:plan',
    ])
    await indexAll(db, [{ n: 1, name: 'Planet', sequence: 2, visible: false }])
    expect(await refreshLexicon({ db })).toMatchObject({ deleted: 0 })
    expect((await suggest('plan')).join()).not.toContain('planet')
    expect((await refreshLexicon({ db })).deleted).toBeGreaterThan(0)
    expect(await refreshLexicon({ db })).toEqual({ changed: 0, deleted: 0 })
  })

  test('removes twins that two publishers wrote at the same moment', async () => {
    await indexAll(db, [{ n: 1, name: 'Weather' }])
    await db.query(
      `insert into registry.discovery_terms (kind, key, text, cards)
       select kind, key, text, cards from registry.discovery_terms where key = 'weather'`,
    )
    expect(await suggest('weath')).toEqual(['agent:Weather'])
    expect(await refreshLexicon({ db })).toMatchObject({ deleted: 1 })
  })

  test('brings back a term whose card came again between two counts', async () => {
    await indexAll(db, [{ n: 1, name: 'Quasar' }])
    await indexAll(db, [{ n: 1, name: 'Other', sequence: 2 }])
    await refreshLexicon({ db })
    expect(await suggest('quas')).toEqual([])
    await indexAll(db, [{ n: 1, name: 'Quasar', sequence: 3 }])
    expect(await suggest('quas')).toEqual(['agent:Quasar'])
    await refreshLexicon({ db })
    await refreshLexicon({ db })
    expect(await find('quasr')).toEqual([['Quasar', 'quasar']])
  })
})
