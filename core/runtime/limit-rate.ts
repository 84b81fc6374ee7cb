/** Rate limits by tier: an address for the public, a principal for everybody else. */
import { type Caller, principalOf } from '#core/base/caller.ts'
import { fail, type Problem } from '#core/base/errors.ts'
import type { Coordination, RateVerdict } from '#core/platform/coordination/coordination.ts'
import { networkOf } from '#core/platform/network-of.ts'

export interface Tier {
  readonly name: string
  readonly perMinute: number
}
/** The tier of a caller; the host reads it from config and settings. */
export type TierOf = (caller: Caller) => Tier

const WINDOW_MS = 60_000

/**
 * Counts a request and writes the headers of draft-ietf-httpapi-ratelimit-headers.
 * @returns the refusal, or null
 */
export async function countRequest(
  coordination: Coordination,
  tierOf: TierOf,
  caller: Caller,
  address: string,
  headers: Record<string, string>,
): Promise<Problem | null> {
  const tier = tierOf(caller)
  const subject = principalOf(caller) ?? `address:${networkOf(address)}`
  const verdict = await coordination.limitRate(`rate:${tier.name}:${subject}`, tier.perMinute, WINDOW_MS)
  headers['ratelimit-policy'] = `"${tier.name}";q=${tier.perMinute};w=60`
  headers.ratelimit = `"${tier.name}";r=${verdict.remaining};t=${untilMore(verdict, tier.perMinute)}`
  if (verdict.allowed) return null
  const wait = Math.max(1, Math.ceil(verdict.retryAfterSeconds))
  return fail(
    'rate_limited',
    `The ${tier.name} tier allows ${tier.perMinute} requests a minute; try again in ${wait} s.`,
    {
      headers: { 'retry-after': String(wait) },
      extra: { policy: tier.name, limit_per_minute: tier.perMinute },
    },
  )
}

/** Seconds until more quota is there: at once while some is left, else when the next request fits. */
function untilMore(verdict: RateVerdict, perMinute: number): number {
  return verdict.allowed
    ? Math.max(1, Math.ceil(60 / perMinute))
    : Math.max(1, Math.ceil(verdict.retryAfterSeconds))
}
