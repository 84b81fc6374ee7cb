/** The generic cell rate algorithm in whole microseconds, once in TypeScript and once as the script that Redis runs. */
import type { RateVerdict } from './coordination.ts'

/** Microseconds between two requests at the limit's pace, and those of the whole burst: whole numbers, so that sums are exact. */
export function gcraPace(limit: number, windowMs: number): { step: number; burst: number } {
  const step = Math.max(1, Math.floor((windowMs * 1000) / limit))
  return { step, burst: step * limit }
}

/**
 * Decides on one request.
 * @param at the theoretical arrival time kept for the key (microseconds), if any
 * @param now microseconds of any clock, always the same one
 * @returns the verdict and the value to keep (absent when refused)
 */
export function gcra(
  at: number | undefined,
  now: number,
  limit: number,
  windowMs: number,
): { verdict: RateVerdict; next?: number } {
  const { step, burst } = gcraPace(limit, windowMs)
  // A value further ahead than a whole burst comes from a lowered limit or a clock set back: it must not lock anybody out.
  const start = Math.min(Math.max(at ?? now, now), now + burst)
  const next = start + step
  const spare = now + burst - next
  return spare < 0
    ? { verdict: gcraVerdict(false, -spare, start - now, false) }
    : { verdict: gcraVerdict(true, Math.floor(spare / step), next - now, false), next }
}

/** A verdict from the script's three numbers: `count` is what remains, or the wait in microseconds when refused. */
export function gcraVerdict(allowed: boolean, count: number, reset: number, degraded: boolean): RateVerdict {
  return {
    allowed,
    remaining: allowed ? count : 0,
    retryAfterSeconds: allowed ? 0 : count / 1e6,
    resetSeconds: reset / 1e6,
    degraded,
  }
}

/** KEYS: the subject. ARGV: step, burst. Gives {allowed, remaining or wait, reset}; the same arithmetic as above. */
export const gcraScript = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local step, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = tonumber(redis.call('GET', KEYS[1]) or '') or now
local start = math.min(math.max(at, now), now + burst)
local next = start + step
local spare = now + burst - next
if spare < 0 then return {0, -spare, start - now} end
redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', math.ceil((next - now) / 1000))
return {1, math.floor(spare / step), next - now}`
