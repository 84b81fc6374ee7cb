/** Opens a new agent's account at the TEG behind the publication: two seconds at most, and never its failure. */
import type { RegistryContext } from '../context.ts'
import { markSettled } from './queries.ts'
import type { Envelope } from './schema.ts'

const WAIT_MS_MAX = 2000

/** @returns whether the account is open now; if not, the sweep opens it */
export async function openAccount(ctx: RegistryContext, agent: Envelope): Promise<boolean> {
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(WAIT_MS_MAX)])
  try {
    const outcome = await ctx.teg.command(
      { requestId: ctx.requestId, signal },
      { op: 'open_account', agent: agent.id, did: agent.did, owner: agent.owner },
    )
    if (outcome.ok) await markSettled(ctx.db, agent.id, BigInt(agent.sequence))
    return outcome.ok
  } catch (error) {
    ctx.log.warn({ error }, 'the account of a new agent waits for the sweep')
    return false
  }
}
