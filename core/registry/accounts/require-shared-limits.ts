/** Keeps guessing and key making shut while workers cannot count together: N local limits would be a way around the one. */
import { fail } from '#core/base/errors.ts'
import type { RegistryContext } from '../context.ts'

/** Seconds that a client is asked to wait; spread, so that not all come back in one moment. */
const WAIT_SECONDS_MIN = 2
const WAIT_SECONDS_SPREAD = 4

/**
 * To be called before a transaction. The count of this very request has found out whether the store answers; one late answer
 * is no outage, so that the store is asked once more before anybody is refused.
 * @throws 503 overloaded with Retry-After while the shared store of limits is away; nothing was done
 */
export async function requireSharedLimits(
  ctx: Pick<RegistryContext, 'coordination' | 'random'>,
): Promise<void> {
  if (ctx.coordination.isShared() || (await ctx.coordination.ping())) return
  const wait = WAIT_SECONDS_MIN + ((ctx.random(1)[0] ?? 0) % WAIT_SECONDS_SPREAD)
  throw fail(
    'overloaded',
    'Logins and new keys wait until requests can be counted again; nothing was done.',
    {
      headers: { 'retry-after': String(wait) },
      extra: { limit: 'rate_store' },
    },
  )
}
