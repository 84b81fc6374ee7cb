import { describe, expect, test } from 'vitest'
import { compilePatterns, isPattern, matchesPattern, patternToRegex } from '#core/base/pattern.ts'

const table: [pattern: string, type: string, matches: boolean][] = [
  ['transfer.completed', 'transfer.completed', true],
  ['transfer.completed', 'transfer.failed', false],
  ['transfer.completed', 'transfer.completed.late', false],
  ['transfer.*', 'transfer.completed', true],
  ['transfer.*', 'transfer', false],
  ['transfer.*', 'transfer.a.b', false],
  ['*.completed', 'transfer.completed', true],
  ['*', 'transfer', true],
  ['*', 'transfer.completed', false],
  ['transfer.>', 'transfer.completed', true],
  ['transfer.>', 'transfer.a.b', true],
  ['transfer.>', 'transfer', false],
  ['*.*.>', 'a.b', false],
  ['*.*.>', 'a.b.c', true],
  ['>', 'transfer', true],
  ['>', 'a.b.c', true],
  ['transferx', 'transfer.x', false],
  ['a_1.b', 'a_1.b', true],
]

describe('event patterns', () => {
  test.each(table)('%s against %s gives %s, in memory and in PostgreSQL alike', (pattern, type, matches) => {
    expect(matchesPattern(pattern, type)).toBe(matches)
    expect(compilePatterns([pattern])(type)).toBe(matches)
    expect(new RegExp(patternToRegex(pattern)).test(type)).toBe(matches)
  })

  test.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    '>.a',
    'a.>.b',
    'a>',
    'A.b',
    'a b',
    'a.(b|c)',
    '**',
    'x'.repeat(129),
  ])('refuses %j as a pattern', (text) => expect(isPattern(text)).toBe(false))

  test('any of several patterns is enough, no list at all matches everything, an empty list nothing', () => {
    const either = compilePatterns(['agent.*', 'transfer.failed'])
    expect(['agent.updated', 'transfer.failed', 'transfer.completed'].map(either)).toEqual([
      true,
      true,
      false,
    ])
    expect(either('agent.updated')).toBe(true)
    expect(compilePatterns(null)('whatever.it.is')).toBe(true)
    expect(compilePatterns([])('whatever')).toBe(false)
  })
})
