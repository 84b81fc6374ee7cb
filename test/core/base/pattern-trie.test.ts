import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPattern } from '#core/base/pattern.ts'
import { openTrie } from '#core/base/pattern-trie.ts'

/** The meaning of a pattern, token by token, as simply as it can be said. */
function means(pattern: string, type: string): boolean {
  const wanted = pattern.split('.')
  const given = type.split('.')
  if (wanted.at(-1) === '>')
    return (
      given.length >= wanted.length &&
      wanted.slice(0, -1).every((token, i) => token === '*' || token === given[i])
    )
  return given.length === wanted.length && wanted.every((token, i) => token === '*' || token === given[i])
}

const token = fc.constantFrom('a', 'b', 'c')
const type = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'))
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 4 }), fc.boolean())
  .map(([tokens, rest]) => [...tokens, ...(rest ? ['>'] : [])].join('.'))
  .filter(isPattern)
const wish = fc.record({ patterns: fc.array(pattern, { minLength: 1, maxLength: 4 }), leaves: fc.boolean() })

describe('the tree of patterns', () => {
  test('finds exactly those who want a type, whoever came and went (property)', () => {
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 12 }), fc.array(type, { maxLength: 8 }), (wishes, types) => {
        const trie = openTrie<number>()
        for (const [i, { patterns }] of wishes.entries()) {
          trie.add(patterns, i)
          // What was remembered must not outlive a change.
          for (const one of types) trie.match(one)
        }
        for (const [i, { patterns, leaves }] of wishes.entries()) if (leaves) trie.remove(patterns, i)
        for (const one of types) {
          const expected = wishes.flatMap(({ patterns, leaves }, i) =>
            !leaves && patterns.some((each) => means(each, one)) ? [i] : [],
          )
          expect([...trie.match(one)].sort((a, b) => a - b)).toEqual(expected)
        }
      }),
    )
  })

  test('holds nothing any more when all have gone', () => {
    const trie = openTrie<string>()
    trie.add(['a.*', '>', 'b.c.>'], 'x')
    trie.add(['a.b'], 'y')
    trie.remove(['a.*', '>', 'b.c.>'], 'x')
    expect([...trie.match('a.b')]).toEqual(['y'])
    trie.remove(['a.b'], 'y')
    trie.remove(['never.there'], 'z')
    for (const one of ['a.b', 'b.c.d', 'x']) expect(trie.match(one).size).toBe(0)
  })

  test('remembers a bounded number of types', () => {
    const trie = openTrie<string>()
    trie.add(['n.*'], 'all')
    for (let i = 0; i < 3000; i++) expect(trie.match(`n.${i}`).has('all')).toBe(true)
    expect(trie.match('m.1').size).toBe(0)
  })
})
