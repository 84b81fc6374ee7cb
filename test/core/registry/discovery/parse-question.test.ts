import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { correctQuestion, parseQuestion } from '#core/registry/discovery/parse-question.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
const plain = (q: string) => parseQuestion(q).tsquery?.replace(/[()']/g, '') ?? null

describe('parseQuestion', () => {
  test.each([
    ['weather', 'weather:*'],
    ['weather ', 'weather'],
    ['weather berlin', 'weather & berlin:*'],
    ['a', 'a'],
    ['"weather forecast"', 'weather <-> forecast'],
    ['"open quote', 'open <-> quote'],
    ['weather -paid', 'weather & !paid'],
    ['weather -"paid plan" x', 'weather & !paid <-> plan & x'],
    ['rain or snow', 'rain | snow:*'],
    ['or rain OR', 'or & rain & or:*'],
    ['a b OR c d', 'a & b | c & d'],
    ['gpt-4o ', 'gpt & 4o'],
    ['天气预报', '天气 <-> 气预 <-> 预报'],
    ['GPT天气 bot ', 'gpt & 天气 & bot'],
    ['"天气 bot"', '天气 <-> 气:* <-> bot'],
    ['天', '天:*'],
    ['Müller ', 'muller | mueller'],
    ['?! ... -- ""', null],
    ['', null],
    ['-', null],
  ])('reads %j as %j', (q, expected) => {
    expect(plain(q)).toBe(expected)
  })

  test('looks at 32 words of a longer question', () => {
    expect(parseQuestion(Array.from({ length: 100 }, (_, i) => `w${i}`).join(' ')).words).toHaveLength(32)
  })

  test('puts repairs into the place of words and tells the question as understood', () => {
    const repairs = new Map([['wether', 'weather']])
    expect(parseQuestion('Wether berlin', repairs).tsquery).toContain("'weather'")
    expect(correctQuestion('Wether "in berlin"', repairs)).toBe('weather "in berlin"')
  })

  test('makes a tsquery that PostgreSQL takes of whatever is typed', async () => {
    const nasty = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      fc.string({
        unit: fc.constantFrom(
          '"',
          "'",
          '\\',
          '-',
          '!',
          '&',
          '|',
          ':',
          '*',
          '(',
          ')',
          '<',
          '>',
          ' ',
          'or',
          'a',
          'é',
          '天',
        ),
        maxLength: 60,
      }),
    )
    await fc.assert(
      fc.asyncProperty(nasty, async (q) => {
        const { tsquery } = parseQuestion(q)
        if (tsquery !== null) await db.query('select $1::tsquery', [tsquery])
      }),
      { numRuns: 400 },
    )
  })
})
