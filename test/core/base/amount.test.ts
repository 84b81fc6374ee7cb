import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AMOUNT_MAX, feeOf, formatAmount, formatRate, parseAmount, parseRate } from '#core/base/amount.ts'

describe('amounts', () => {
  test.each([
    ['0', 0n],
    ['1', 1_000_000n],
    ['0.000001', 1n],
    ['12.5', 12_500_000n],
    ['9007199254.740991', AMOUNT_MAX],
    ['1.100000', 1_100_000n],
  ])('reads %s', (text, micro) => expect(parseAmount(text)).toBe(micro))
  test.each([
    '',
    '1e3',
    '-5',
    '+1',
    '01',
    '1.',
    '.5',
    '1.0000001',
    '1,5',
    ' 1',
    '1 ',
    '0x1',
    'NaN',
    '1'.repeat(40),
    '١',
  ])('refuses %j', (text) => expect(parseAmount(text)).toBeNull())
  test('writes canonically what it reads', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, AMOUNT_MAX), (micro) => {
        const text = formatAmount(micro)
        expect(parseAmount(text)).toBe(micro)
        expect(text).not.toMatch(/\.\d*0$|\.$/)
      }),
    )
  })
  test.each([
    [AMOUNT_MAX + 1n, '9007199254.740992'],
    [9_223_372_036_854_775_807n, '9223372036854.775807'],
    [10n ** 30n, '1000000000000000000000000'],
    [-1n, '-0.000001'],
    [-(10n ** 18n + 500_000n), '-1000000000000.5'],
    [9_007_199_254_999_999n - 1_000_000n, '9007199253.999999'],
  ])('writes %s, a sum or a difference, to the last digit', (micro, text) =>
    expect(formatAmount(micro)).toBe(text),
  )
  test('rates have their own words', () => {
    expect([formatRate(5000n), parseRate('0.05'), parseRate('0.00001'), parseRate('x')]).toEqual([
      '0.005',
      50_000n,
      null,
      null,
    ])
  })
})

describe('the fee', () => {
  test('is rounded up, at least one micro-AVT, and never less for parts than for the whole', () => {
    fc.assert(
      fc.property(
        fc.bigInt(100n, AMOUNT_MAX / 2n),
        fc.bigInt(100n, AMOUNT_MAX / 2n),
        fc.bigInt(5000n, 50_000n),
        (a, b, ppm) => {
          expect(feeOf(a, ppm) + feeOf(b, ppm)).toBeGreaterThanOrEqual(feeOf(a + b, ppm))
          expect(feeOf(a, ppm) * 1_000_000n).toBeGreaterThanOrEqual(a * ppm)
          expect(feeOf(a, ppm)).toBeLessThan(a)
        },
      ),
    )
  })
})
