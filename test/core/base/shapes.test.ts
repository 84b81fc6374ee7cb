import { describe, expect, test } from 'vitest'
import { Timestamp } from '#core/base/shapes.ts'

describe('a moment in a request', () => {
  test.each([
    ['2026-11-24T12:00:00Z', '2026-11-24T12:00:00.000Z'],
    ['2026-11-24T12:00:00.5+02:00', '2026-11-24T10:00:00.500Z'],
    // PostgreSQL takes offsets below 16 hours only: the moment is what counts.
    ['2026-11-24T20:00:00-20:00', '2026-11-25T16:00:00.000Z'],
  ])('%s is %s', (text, moment) => expect(Timestamp.parse(text)).toBe(moment))
  test.each([
    '0000-09-01T20:00:00-20:00',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59-10:00',
    '2026-02-30T00:00:00Z',
    'now',
  ])('%s is refused', (text) => expect(Timestamp.safeParse(text).success).toBe(false))
})
