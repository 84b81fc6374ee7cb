/** What a batch of plain transfers is foreseen to do, against doing one after the other. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AMOUNT_MAX, feeOf, TRANSFER_MIN } from '#core/base/amount.ts'
import { type Foresight, feeOfNumber, foreseeTransfers } from '#core/teg/ledger/foresee-transfers.ts'

const ACCOUNTS = 5
const amounts = fc.oneof(
  fc.bigInt({ min: TRANSFER_MIN, max: AMOUNT_MAX }),
  fc.bigInt({ min: TRANSFER_MIN, max: 5_000_000n }),
)
const rates = fc.integer({ min: 1, max: 50_000 })

test('the fee in numbers is the fee in bigints', () => {
  fc.assert(
    fc.property(amounts, rates, (amount, ppm) => {
      expect(BigInt(feeOfNumber(Number(amount), ppm))).toBe(feeOf(amount, BigInt(ppm)))
    }),
    { numRuns: 2000 },
  )
  for (const [amount, ppm] of [
    [AMOUNT_MAX, 50_000],
    [AMOUNT_MAX, 49_999],
    [TRANSFER_MIN, 1],
    [999_999n, 5000],
    [1_000_000n, 5000],
  ] as const)
    expect(BigInt(feeOfNumber(Number(amount), ppm))).toBe(feeOf(amount, BigInt(ppm)))
})

interface Leg {
  gained: bigint
  legs: number
  before: number
}

/** Does one transfer after the other; what it gives is asked of the foresight. */
function walk(from: number[], to: number[], drawn: bigint[], ppm: number) {
  const accounts = Array.from({ length: ACCOUNTS }, () => ({
    gain: 0n,
    need: 0n,
    legs: 0,
    out: [] as number[],
    in: [] as number[],
  }))
  type Account = (typeof accounts)[number]
  const payers: Leg[] = []
  const payees: Leg[] = []
  let fees = 0n
  for (const [i, amount] of drawn.entries()) {
    const payer = accounts[(from[i] as number) - 1] as Account
    const payee = accounts[(to[i] as number) - 1] as Account
    const fee = feeOf(amount, BigInt(ppm))
    fees += fee
    if (amount - payer.gain > payer.need) payer.need = amount - payer.gain
    payer.gain -= amount
    payers.push({ gained: payer.gain, legs: ++payer.legs, before: payer.out.at(-1) ?? 0 })
    payer.out.push(i + 1)
    payee.gain += amount - fee
    payees.push({ gained: payee.gain, legs: ++payee.legs, before: payee.in.at(-1) ?? 0 })
    payee.in.push(i + 1)
  }
  return { accounts, payers, payees, fees }
}

const whole = (values: Iterable<number>) => [...values].map((value) => BigInt(value))
const NONE = BigInt(-Number.MAX_SAFE_INTEGER)

test('it is what comes of them one after the other', () => {
  const draw = fc.array(
    fc.record({
      from: fc.integer({ min: 1, max: ACCOUNTS }),
      step: fc.integer({ min: 1, max: ACCOUNTS - 1 }),
      amount: fc.bigInt({ min: TRANSFER_MIN, max: 5_000_000n }),
    }),
    { minLength: 1, maxLength: 40, size: 'max' },
  )
  fc.assert(
    fc.property(draw, rates, (drawn, ppm) => {
      const from = drawn.map((pay) => pay.from)
      const to = drawn.map((pay) => ((pay.from - 1 + pay.step) % ACCOUNTS) + 1)
      const sums = drawn.map((pay) => pay.amount)
      const seen = foreseeTransfers(ACCOUNTS, from, to, sums, ppm) as Foresight
      const { accounts, payers, payees, fees } = walk(from, to, sums, ppm)
      expect(whole(seen.gain)).toEqual(accounts.map(({ gain }) => gain))
      expect(whole(seen.need)).toEqual(accounts.map(({ need }) => need))
      expect([...seen.legs]).toEqual(accounts.map(({ legs }) => legs))
      const lastOf = (list: number[]) => (list.length > 0 ? BigInt((list.at(-1) as number) - 1) : NONE)
      expect(whole(seen.lastOut)).toEqual(accounts.map((account) => lastOf(account.out)))
      expect(whole(seen.lastIn)).toEqual(accounts.map((account) => lastOf(account.in)))
      // No AVT comes or goes.
      expect(whole(seen.gain).reduce((sum, gain) => sum + gain, fees)).toBe(0n)
      for (const i of drawn.keys()) {
        expect(BigInt(seen.fee[i] as number)).toBe(feeOf(sums[i] as bigint, BigInt(ppm)))
        const a = (from[i] as number) - 1
        const b = (to[i] as number) - 1
        expect({
          gained: BigInt((seen.gain[a] as number) - (seen.fromLater[i] as number)),
          legs: (seen.legs[a] as number) - (seen.fromAfter[i] as number),
          before: seen.fromPrev[i],
        }).toEqual(payers[i])
        expect({
          gained: BigInt((seen.gain[b] as number) - (seen.toLater[i] as number)),
          legs: (seen.legs[b] as number) - (seen.toAfter[i] as number),
          before: seen.toPrev[i],
        }).toEqual(payees[i])
      }
    }),
    { numRuns: 300 },
  )
})

test.each([
  ['an agent that pays itself', [1, 1], [2, 1], [1000n, 1000n]],
  ['too small an amount', [1], [2], [99n]],
  ['too large an amount', [1], [2], [AMOUNT_MAX + 1n]],
  ['no amount', [1], [2], [0n]],
  ['sums beyond 2^53 - 1', [1, 2], [2, 3], [AMOUNT_MAX, 100n]],
])('nothing is foreseen of %s', (_what, from, to, drawn) => {
  expect(foreseeTransfers(ACCOUNTS, from, to, drawn, 5000)).toBeNull()
})
