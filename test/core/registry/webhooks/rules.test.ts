import { describe, expect, test } from 'vitest'
import {
  BREAKER_FAILURES,
  breakerPause,
  errorOf,
  excerptOf,
  RETRY_SECONDS,
  readRetryAfter,
  retryDelay,
  writeBody,
} from '#core/registry/webhooks/rules.ts'

const now = new Date('2026-11-24T12:00:00Z')

describe('waits between attempts', () => {
  test('are those of Standard Webhooks: ten attempts in 75 h 35 min 5 s', () => {
    expect(RETRY_SECONDS.reduce((sum, seconds) => sum + seconds, 0)).toBe(75 * 3600 + 35 * 60 + 5)
    expect(retryDelay(RETRY_SECONDS.length + 1, null, 0.5)).toBeNull()
  })

  test.each(RETRY_SECONDS.map((seconds, i) => [i + 1, seconds] as const))(
    'after %i attempts are %i s, moved by a tenth at most',
    (tries, seconds) => {
      expect(retryDelay(tries, null, 0)).toBeCloseTo(seconds * 0.9)
      expect(retryDelay(tries, null, 0.5)).toBeCloseTo(seconds)
      expect(retryDelay(tries, null, 1)).toBeCloseTo(seconds * 1.1)
    },
  )

  test.each([
    [1, 60, 60],
    [1, 1, 5],
    [1, 10_000_000, 86_400],
    [9, 60, 86_400],
  ])('after %i attempts and Retry-After %i are %i s', (tries, asked, seconds) => {
    expect(retryDelay(tries, asked, 0.5)).toBe(seconds)
  })
})

test.each([
  ['120', 120],
  ['0', 0],
  ['Tue, 24 Nov 2026 12:01:00 GMT', 60],
  ['Tue, 24 Nov 2026 11:00:00 GMT', 0],
  ['soon', null],
  ['-5', null],
  ['1.5', null],
  ['99999999999', null],
  [undefined, null],
  [['1', '2'], null],
])('Retry-After %j means %j seconds', (value, seconds) => {
  expect(readRetryAfter(value, now)).toBe(seconds)
})

test.each([
  [200, null],
  [204, null],
  [299, null],
  [301, 'http_3xx'],
  [304, 'http_3xx'],
  [404, 'http_4xx'],
  [410, 'gone'],
  [500, 'http_5xx'],
  [199, 'http_1xx'],
])('an answer of %i is %j', (status, error) => expect(errorOf(status)).toBe(error))

test('the breaker opens at the fifth failure in a row, for 30 s, doubled up to an hour', () => {
  const pauses = Array.from({ length: 16 }, (_, failures) => breakerPause(failures))
  expect(pauses.slice(0, BREAKER_FAILURES)).toEqual([0, 0, 0, 0, 0])
  expect(pauses.slice(BREAKER_FAILURES)).toEqual([30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600])
  expect(breakerPause(1_000_000)).toBe(3600)
})

test('an excerpt is short, one line, and nothing that a database refuses', () => {
  expect(excerptOf(Buffer.from(''))).toBeNull()
  expect(excerptOf(Buffer.from(' \n\u0000 '))).toBeNull()
  expect(excerptOf(Buffer.from('a\u0000b\nc'))).toBe('a b c')
  expect(excerptOf(Buffer.from('x'.repeat(5000)))).toHaveLength(500)
  expect(excerptOf(Buffer.from([0xff, 0xfe, 0x41]))).toBe('\uFFFD\uFFFDA')
  expect(excerptOf(Buffer.from('😀'.repeat(1000)))?.isWellFormed()).toBe(true)
})

test.each([
  '{"specversion":"1.0","time":"2026-11-24T12:00:00.000Z","data":{"b":1,"a":"1.50","time":"no"}}',
  '{"data":{"time":"no"},"time":"2026-11-24T12:00:00.000Z"}',
  '{"subject":"a \\"time\\":\\"no\\"","time":"2026-11-24T12:00:00.000Z"}',
])('a body is the document itself, byte for byte, behind its time and index: %s', (envelope) => {
  const body = writeBody(envelope, 7n)
  expect(body.endsWith(envelope.slice(1))).toBe(true)
  const { timestamp, index, ...rest } = JSON.parse(body)
  expect([timestamp, index]).toEqual(['2026-11-24T12:00:00.000Z', 7])
  expect(rest).toEqual(JSON.parse(envelope))
})
