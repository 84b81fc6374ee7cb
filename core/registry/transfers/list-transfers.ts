/** Lists transfers, newest first: a developer's are those of its agents, an agent's its own; operators and auditors see all. */
import { decodeCursor, encodeCursor, type Page } from '#core/base/page.ts'
import type { Transfer } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { listAgentIds } from './list-agent-ids.ts'
import type { TransfersQuery } from './schema.ts'

/** A cursor of the TEG, inside ours: ours names the filters as the caller gave them. */
const TEG_CURSOR = /^[A-Za-z0-9_-]{1,512}$/

/** @throws 404 agent_not_found for an unknown agent, 404 not_found for one whose transfers the caller may not see */
export async function listTransfers(ctx: RegistryContext, query: TransfersQuery): Promise<Page<Transfer>> {
  const { agent, direction, status, limit } = query
  const filters = { agent, direction, status }
  const [cursor] = query.cursor === undefined ? [] : decodeCursor(query.cursor, filters, [TEG_CURSOR])
  const page = await ctx.teg.transfers(ctx, {
    agents: await listAgentIds(ctx, agent),
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
