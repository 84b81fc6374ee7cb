/** The bounds of a fee rate, in parts per million. */
import { parseRate } from '#core/base/amount.ts'
import { fail } from './errors.ts'

/** 0.5 % */
export const RATE_MIN_PPM = 5_000n
/** 5.0 % */
export const RATE_MAX_PPM = 50_000n

/** A rate within its bounds. @throws 422 out_of_bounds */
export function boundedRate(text: string, pointer: string): bigint {
  const ppm = parseRate(text, 6)
  if (ppm === null || ppm < RATE_MIN_PPM || ppm > RATE_MAX_PPM)
    throw fail('out_of_bounds', 'A fee rate is 0.005 (0.5 %) to 0.05 (5.0 %).', {
      errors: [{ pointer, code: 'out_of_bounds', detail: 'must be 0.005 to 0.05' }],
    })
  return ppm
}
