/** Voids the payment tokens whose time is over, in bounded batches: the holds go back to the payers. */
import type { Command } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { refuseStale } from '../refuse-stale.ts'

/** Tokens of one batch. */
const BATCH_MAX = 500
/** Batches of one run; what is left is for the next one. */
const ROUNDS_MAX = 40

/**
 * A token is void from its moment on for everybody who asks; this gives back what is still held. It bears being run twice
 * and being stopped anywhere: the gate voids each token once.
 * @returns counts for the run history
 * @throws 503 teg_unavailable, 504 outcome_unknown: what is not voided is found again
 */
export async function expirePayments(ctx: RegistryContext): Promise<{ expired: number; refused: number }> {
  const counts = { expired: 0, refused: 0 }
  for (let round = 0; round < ROUNDS_MAX && !ctx.signal.aborted; round++) {
    const { items } = await ctx.teg.expiredPayments(ctx, BATCH_MAX)
    if (items.length === 0) break
    const commands = items.map((item): Command => ({ op: 'expire_token', ...item, fence: ctx.fence ?? null }))
    const outcomes = await ctx.teg.commands(ctx, commands)
    refuseStale(outcomes, ctx.fence)
    const expired = outcomes.filter(({ ok }) => ok).length
    counts.expired += expired
    counts.refused += outcomes.length - expired
    // The same ones would come again at once; the next run tries them once more.
    if (items.length < BATCH_MAX || expired === 0) break
  }
  return counts
}
