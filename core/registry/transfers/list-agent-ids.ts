/** The agents into whose money a list looks: the one that is named, or all that the caller acts for. */
import { fail as commonFail } from '#core/base/errors.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { findAgents } from './find-agents.ts'
import { selectAgentIdsOf } from './queries.ts'
import { mayActFor, seesAll } from './rules.ts'

/** Agents that one search may take together (TransferSearch, PaymentSearch). */
const AGENTS_MAX = 1000

/**
 * @param ref the agent named; undefined: every one
 * @returns null: all there are (operators, auditors)
 * @throws 404 agent_not_found for an unknown agent, 404 not_found for one that the caller may not look into
 */
export async function listAgentIds(ctx: RegistryContext, ref: string | undefined): Promise<string[] | null> {
  return ref === undefined ? everyAgent(ctx) : [await oneAgent(ctx, ref)]
}

async function everyAgent(ctx: RegistryContext): Promise<string[] | null> {
  const { caller } = ctx
  if (seesAll(caller)) return null
  if (caller.kind === 'agent') return [caller.agent]
  if (caller.kind !== 'developer') return []
  const rows = await selectAgentIdsOf(ctx.db, caller.account, AGENTS_MAX + 1)
  if (rows.length <= AGENTS_MAX) return rows.map((row) => row.id)
  throw commonFail('validation_failed', `You have more than ${AGENTS_MAX} agents: name one by ?agent=.`, {
    errors: [{ pointer: '?agent', code: 'required', detail: `is required beyond ${AGENTS_MAX} agents` }],
  })
}

async function oneAgent(ctx: RegistryContext, ref: string): Promise<string> {
  const agent = (await findAgents(ctx, [ref])).get(ref)
  if (!agent) throw fail('agent_not_found', `There is no agent ${ref}.`)
  if (!seesAll(ctx.caller) && !mayActFor(ctx.caller, agent))
    throw fail('not_found', `There is nothing of ${ref} that you may see.`)
  return agent.id
}
