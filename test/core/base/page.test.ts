import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Problem } from '#core/base/errors.ts'
import { decodeCursor, encodeCursor, toPage } from '#core/base/page.ts'

const any = [/^.*$/s, /^.*$/s]
const codeOf = (work: () => unknown) => {
  try {
    work()
    return 'none'
  } catch (error) {
    return error instanceof Problem ? error.code : 'bug'
  }
}

describe('cursors', () => {
  test('give back the keys they were made of', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.dictionary(fc.string(), fc.string()), (a, b, filters) => {
        expect(decodeCursor(encodeCursor([a, b], filters), filters, any)).toEqual([a, b])
      }),
    )
  })
  test('of other filters answer 400 cursor_mismatch', () => {
    const cursor = encodeCursor(['1', '2'], { q: 'a' })
    expect(codeOf(() => decodeCursor(cursor, { q: 'b' }, any))).toBe('cursor_mismatch')
  })
  test('that were forged answer 400 validation_failed and never a bug', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(codeOf(() => decodeCursor(text, {}, [/^\d+$/]))).toBe('validation_failed')
      }),
    )
    expect(codeOf(() => decodeCursor(encodeCursor(["1'; --"], {}), {}, [/^\d+$/]))).toBe('validation_failed')
  })
  test('a page names its next cursor only when there is more', () => {
    const page = (rows: number[]) =>
      toPage(
        rows,
        2,
        {},
        (row) => [String(row)],
        (row) => row,
      )
    expect(page([1, 2]).next_cursor).toBeNull()
    expect(page([1, 2, 3]).items).toEqual([1, 2])
    expect(decodeCursor(page([1, 2, 3]).next_cursor ?? '', {}, [/^\d$/])).toEqual(['2'])
  })
})
