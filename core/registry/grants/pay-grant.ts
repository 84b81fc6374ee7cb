/** The first attempt at a developer's genesis grant, made behind the answer's back: it waits two seconds at most. */
import { Problem } from '#core/base/errors.ts'
import type { RegistryContext } from '../context.ts'
import { attemptGrants } from './attempt-grants.ts'

const WAIT_MS_MAX = 2000

/**
 * Call it after the commit that made the grant due, outside any transaction. A gateway that does not answer leaves the
 * grant due for the sweep: that is no failure of the call.
 * @returns what became of it; `none`: nothing is due, or somebody else is at it
 */
export async function payGrant(
  ctx: RegistryContext,
  developer: string,
  waitMs = WAIT_MS_MAX,
): Promise<'granted' | 'refused' | 'due' | 'none'> {
  const timeout = AbortSignal.timeout(waitMs)
  const signal = AbortSignal.any([ctx.signal, timeout])
  try {
    const [verdict] = await attemptGrants({ ...ctx, signal, db: ctx.db.bound(timeout) }, developer)
    if (!verdict) return 'none'
    return verdict.kind === 'tomorrow' ? 'due' : verdict.kind
  } catch (error) {
    if (ctx.signal.aborted) throw error
    const away = error instanceof Problem && error.status >= 500
    if (!away && !timeout.aborted) throw error
    ctx.wake('grants')
    return 'due'
  }
}
