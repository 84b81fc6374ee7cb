/** Pays the grants whose time has come: at start-up, every minute, and when a first attempt did not come through. */
import type { RegistryContext } from '../context.ts'
import { ATTEMPT_MAX, attemptGrants } from './attempt-grants.ts'

/** Time for one attempt: a gateway that is away must not hold the sweep. */
const ATTEMPT_MS_MAX = 30_000
/** Attempts of one sweep; what is left is for the next one. */
const ROUNDS_MAX = 20

/**
 * @returns counts for the run history
 * @throws 503 teg_unavailable, 504 outcome_unknown: what was claimed stays due, with a longer wait each time
 */
export async function sweepGrants(
  ctx: RegistryContext,
): Promise<{ granted: number; refused: number; waiting: number }> {
  const counts = { granted: 0, refused: 0, waiting: 0 }
  for (let round = 0; round < ROUNDS_MAX && !ctx.signal.aborted; round++) {
    const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(ATTEMPT_MS_MAX)])
    const verdicts = await attemptGrants({ ...ctx, signal }, null)
    for (const { kind } of verdicts) counts[kind === 'granted' || kind === 'refused' ? kind : 'waiting'] += 1
    if (verdicts.length < ATTEMPT_MAX) break
  }
  return counts
}
