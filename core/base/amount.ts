/** AVT amounts: bigint micro-AVT inside, decimal strings with at most six decimals outside. */

/** Micro-AVT in one AVT. */
export const MICRO = 1_000_000n
/** The largest single amount, 2^53 - 1 micro-AVT. (Amount x ppm passes int8: SQL computes fees in two parts.) */
export const AMOUNT_MAX = 9_007_199_254_740_991n
/** The smallest transfer, 0.0001 AVT: below it a fee rounded up could eat the whole amount. */
export const TRANSFER_MIN = 100n
/** The syntax of an amount in a request; the range is a rule, not syntax. */
export const AMOUNT_PATTERN = /^(0|[1-9][0-9]{0,9})([.][0-9]{1,6})?$/

/** Parses an amount that matches AMOUNT_PATTERN into micro-AVT; null when it does not match. */
export function parseAmount(text: string): bigint | null {
  if (!AMOUNT_PATTERN.test(text)) return null
  const dot = text.indexOf('.')
  return dot < 0 ? BigInt(text) * MICRO : BigInt(text.slice(0, dot) + text.slice(dot + 1).padEnd(6, '0'))
}

/** The canonical decimal string of micro-AVT: no trailing zeros, "0" for zero; a minus sign only in reports. */
export function formatAmount(micro: bigint): string {
  if (micro < 0n) return `-${formatAmount(-micro)}`
  if (micro > AMOUNT_MAX) return join((micro / MICRO).toString(), Number(micro % MICRO))
  // Nearly all: up to 2^53 - 1 a number is exact, and so are its remainder and the rest divided.
  const value = Number(micro)
  const rest = value % MICRO_NUMBER
  return join(String((value - rest) / MICRO_NUMBER), rest)
}

const MICRO_NUMBER = 1_000_000
const ZERO = 48

function join(whole: string, rest: number): string {
  if (rest === 0) return whole
  const digits = String(MICRO_NUMBER + rest)
  let end = digits.length
  while (digits.charCodeAt(end - 1) === ZERO) end--
  return `${whole}.${digits.slice(1, end)}`
}

/** The fee on an amount at a rate in parts per million: rounded up, so that splitting never pays less. */
export function feeOf(amount: bigint, ratePpm: bigint): bigint {
  const fee = (amount * ratePpm + MICRO - 1n) / MICRO
  return fee < 1n ? 1n : fee
}

/** A rate as decimal string ("0.005") from parts per million. */
export function formatRate(ppm: bigint): string {
  return formatAmount(ppm)
}

/** Parts per million from a decimal string with at most `digits` decimals; null when malformed. */
export function parseRate(text: string, digits = 4): bigint | null {
  if (!new RegExp(`^(0|[1-9][0-9]{0,3})([.][0-9]{1,${digits}})?$`).test(text)) return null
  return parseAmount(text)
}
