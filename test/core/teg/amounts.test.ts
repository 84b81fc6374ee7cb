/** Amounts on their way into the gate: any text is either an amount, exactly, or refused. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAmount } from '#core/base/amount.ts'
import { Command } from '#core/wire/teg.ts'
import { transfer } from '#test/support/teg.ts'

const parse = (amount: unknown) =>
  Command.safeParse({ ...transfer('01900000-0000-7000-8000-000000000001', 'did:web:x', '1'), amount })
const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{0,${max}}$`))
/** Texts that look like amounts, nearly. */
const near = fc
  .tuple(
    fc.constantFrom('', '', '', '-', '+', ' ', '0', '0x', '.', '٣'),
    digits(12),
    fc.constantFrom('', '.', '.', '..', ',', 'e', ' ', '_'),
    digits(8),
    fc.constantFrom('', '', '', ' ', '\n', 'e3', 'n', '.'),
  )
  .map((parts) => parts.join(''))
/** Texts that are amounts, so that enough of them are taken whatever the seed is. */
const amounts = fc
  .tuple(
    fc.integer({ min: 0, max: 9_999_999_999 }),
    fc.constantFrom('', '.0', '.5', '.000001', '.120', '.100000'),
  )
  .map((parts) => parts.join(''))

test('a text is refused, or stands for exactly its digits and comes back as its canonical form', () => {
  let taken = 0
  fc.assert(
    fc.property(fc.oneof(near, amounts, fc.string({ unit: 'binary' }), fc.double().map(String)), (text) => {
      const result = parse(text)
      const exact = /^(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,6}))?$/.exec(text)
      // `$` lets a line break pass.
      expect(result.success).toBe(exact !== null && !text.includes('\n'))
      if (!result.success || !exact) return
      taken++
      const micro = (result.data as { amount: bigint }).amount
      expect(micro).toBe(BigInt(exact[1] as string) * 1_000_000n + BigInt((exact[2] ?? '').padEnd(6, '0')))
      expect(formatAmount(micro)).toBe(text.includes('.') ? text.replace(/\.?0+$/, '') : text)
    }),
    { numRuns: 5000 },
  )
  expect(taken).toBeGreaterThan(50)
})

test.each([[1], [1n], [null], [undefined], [['1']], [{ amount: '1' }], [true], [Number.NaN]])(
  'what is no text is refused: %s',
  (amount) => {
    expect(parse(amount).success).toBe(false)
  },
)
