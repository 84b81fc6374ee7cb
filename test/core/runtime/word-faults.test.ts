import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { wordFault } from '#core/runtime/word-faults.ts'

const wordsOf = (shape: z.ZodType, value: unknown) =>
  shape.safeParse(value, { error: wordFault }).error?.issues.map((issue) => issue.message)

describe('faults without words of their own', () => {
  test.each([
    [z.string(), 5, 'must be a string (text in quotes), not a number'],
    [z.string(), ['1', '2'], 'must be given once'],
    [z.strictObject({}), [], 'must be an object ({...}), not a list'],
    [z.strictObject({}), null, 'must be an object ({...}), not null'],
    [z.array(z.string()), {}, 'must be a list ([...]), not an object'],
    [z.boolean(), 'yes', 'must be true or false, not a string'],
    [z.int(), 1.5, 'must be a whole number, not a number'],
    [z.string().min(1), '', 'must not be empty'],
    [z.string().min(3), 'a', 'must have at least 3 characters'],
    [z.string().max(1), 'ab', 'must have at most 1 character'],
    [z.array(z.string()).max(2), ['a', 'b', 'c'], 'must have at most 2 items'],
    [z.number().min(2), 1, 'must be at least 2'],
    [z.number().gt(2), 2, 'must be above 2'],
    [z.number().lt(2), 2, 'must be below 2'],
    [z.enum(['best', 'newest']), 'x', 'must be one of best, newest'],
    [z.literal('active'), 'x', 'must be active'],
    [
      z.iso.datetime({ offset: true }),
      '2026-01-31',
      'must be a time with its zone, such as 2026-01-31T12:00:00Z',
    ],
  ] as [z.ZodType, unknown, string][])('%# say what the field must be', (shape, value, words) => {
    expect(wordsOf(shape, value)).toEqual([words])
  })

  test("leave a shape's own words alone", () => {
    expect(wordsOf(z.string({ error: 'must be a slug' }), 5)).toEqual(['must be a slug'])
    expect(wordsOf(z.string().min(3, 'must be long'), 'a')).toEqual(['must be long'])
  })
})
