/** Lists transfers, newest first: a developer's are those of its agents, an agent's its own; operators and auditors see all. */
import { fail as commonFail } from '#core/base/errors.ts'
import { decodeCursor, encodeCursor, type Page } from '#core/base/page.ts'
import type { Transfer } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { findAgents } from './find-agents.ts'
import { selectAgentIdsOf } from './queries.ts'
import { mayActFor, seesAll } from './rules.ts'
import type { TransfersQuery } from './schema.ts'

/** A cursor of the TEG, inside ours: ours names the filters as the caller gave them. */
const TEG_CURSOR = /^[A-Za-z0-9_-]{1,512}$/

/** @throws 404 agent_not_found for an unknown agent, 404 not_found for one whose transfers the caller may not see */
export async function listTransfers(ctx: RegistryContext, query: TransfersQuery): Promise<Page<Transfer>> {
  const { agent, direction, status, limit } = query
  const filters = { agent, direction, status }
  const [cursor] = query.cursor === undefined ? [] : decodeCursor(query.cursor, filters, [TEG_CURSOR])
  const page = await ctx.teg.transfers(ctx, {
    agents: agent === undefined ? await everyAgent(ctx) : [await oneAgent(ctx, agent)],
    direction: direction ?? null,
    status: status ?? null,
    limit,
    cursor: cursor ?? null,
  })
  return {
    items: page.items.map(({ balance_after: _private, ...transfer }) => transfer),
    next_cursor: page.next_cursor === null ? null : encodeCursor([page.next_cursor], filters),
  }
}

/** Agents whose transfers one search may take together (TransferSearch). */
const AGENTS_MAX = 1000

/** The agents that the caller acts for; null: every transfer. */
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
    throw fail('not_found', `There are no transfers of ${ref} that you may see.`)
  return agent.id
}
