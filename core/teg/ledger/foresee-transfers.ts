/** What plain transfers do to their accounts if none of them is refused: the gate's short way writes it and judges by it. */
import { AMOUNT_MAX, TRANSFER_MIN } from '#core/base/amount.ts'

/** The fee snapshot that a process has met last. */
export interface KnownRate {
  readonly snapshot: bigint
  readonly ppm: number
}

/** What plain.sql calls by the same names; micro-AVT in whole numbers up to 2^53 - 1. */
export interface Foresight {
  readonly gain: Float64Array
  readonly need: Float64Array
  readonly legs: Int32Array
  readonly lastOut: Float64Array
  readonly lastIn: Float64Array
  readonly fee: Float64Array
  readonly fromLater: Float64Array
  readonly toLater: Float64Array
  readonly fromAfter: Int32Array
  readonly toAfter: Int32Array
  readonly fromPrev: Int32Array
  readonly toPrev: Int32Array
}

const MICRO = 1_000_000
/** Added to any ledger number it is less than every other. */
const NONE = -Number.MAX_SAFE_INTEGER

/** teg.fee_of in numbers: in parts, since the whole product would not be exact. */
export function feeOfNumber(amount: number, ppm: number): number {
  const rest = amount % MICRO
  const part = rest * ppm + MICRO - 1
  return Math.max(1, ((amount - rest) / MICRO) * ppm + (part - (part % MICRO)) / MICRO)
}

/**
 * Foresees a batch; `from` and `to` are places (from 1) among `accounts` accounts. Null where one of the transfers is surely
 * refused, or where the sums could pass 2^53 - 1: then each is judged in its turn.
 */
export function foreseeTransfers(
  accounts: number,
  from: readonly number[],
  to: readonly number[],
  amounts: readonly bigint[],
  ppm: number,
): Foresight | null {
  const count = amounts.length
  const seen = {
    ...foreseeNothing(accounts),
    fee: new Float64Array(count),
    fromLater: new Float64Array(count),
    toLater: new Float64Array(count),
    fromAfter: new Int32Array(count),
    toAfter: new Int32Array(count),
    fromPrev: new Int32Array(count),
    toPrev: new Int32Array(count),
  }
  const { gain, need, legs, lastOut, lastIn } = seen
  let sum = 0
  for (let i = 0; i < count; i++) {
    const exact = amounts[i] as bigint
    const a = (from[i] as number) - 1
    const b = (to[i] as number) - 1
    if (a === b || exact < TRANSFER_MIN || exact > AMOUNT_MAX) return null
    const amount = Number(exact)
    sum += amount
    if (sum > Number.MAX_SAFE_INTEGER) return null
    const fee = feeOfNumber(amount, ppm)
    seen.fee[i] = fee
    const payer = (gain[a] as number) - amount
    const payee = (gain[b] as number) + amount - fee
    gain[a] = payer
    gain[b] = payee
    if (-payer > (need[a] as number)) need[a] = -payer
    // For now what came before; below, what comes later.
    seen.fromLater[i] = payer
    seen.toLater[i] = payee
    const paid = (legs[a] as number) + 1
    const got = (legs[b] as number) + 1
    legs[a] = seen.fromAfter[i] = paid
    legs[b] = seen.toAfter[i] = got
    seen.fromPrev[i] = Math.max(0, (lastOut[a] as number) + 1)
    lastOut[a] = i
    seen.toPrev[i] = Math.max(0, (lastIn[b] as number) + 1)
    lastIn[b] = i
  }
  for (let i = 0; i < count; i++) {
    const a = (from[i] as number) - 1
    const b = (to[i] as number) - 1
    seen.fromLater[i] = (gain[a] as number) - (seen.fromLater[i] as number)
    seen.toLater[i] = (gain[b] as number) - (seen.toLater[i] as number)
    seen.fromAfter[i] = (legs[a] as number) - (seen.fromAfter[i] as number)
    seen.toAfter[i] = (legs[b] as number) - (seen.toAfter[i] as number)
  }
  return seen
}

/** Of a batch of which nothing is foreseen. */
export function foreseeNothing(accounts: number) {
  const none = new Float64Array(0)
  const noPlaces = new Int32Array(0)
  return {
    gain: new Float64Array(accounts),
    need: new Float64Array(accounts),
    legs: new Int32Array(accounts),
    lastOut: new Float64Array(accounts).fill(NONE),
    lastIn: new Float64Array(accounts).fill(NONE),
    fee: none,
    fromLater: none,
    toLater: none,
    fromAfter: noPlaces,
    toAfter: noPlaces,
    fromPrev: noPlaces,
    toPrev: noPlaces,
  }
}
