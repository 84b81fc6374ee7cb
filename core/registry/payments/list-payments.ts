/** Lists payment tokens, newest first: a developer's are those of its agents; operators and auditors see all. */
import { decodeCursor, encodeCursor, type Page } from '#core/base/page.ts'
import type { Payment } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { listAgentIds } from '../transfers/list-agent-ids.ts'
import type { PaymentsQuery } from './schema.ts'

/** A cursor of the TEG, inside ours: ours names the filters as the caller gave them. */
const TEG_CURSOR = /^[A-Za-z0-9_-]{1,512}$/

/** @throws 404 agent_not_found for an unknown agent, 404 not_found for one that the caller may not look into */
export async function listPayments(ctx: RegistryContext, query: PaymentsQuery): Promise<Page<Payment>> {
  const { agent, status, limit } = query
  const filters = { agent, status }
  const [cursor] = query.cursor === undefined ? [] : decodeCursor(query.cursor, filters, [TEG_CURSOR])
  const agents = await listAgentIds(ctx, agent)
  const page = await ctx.teg.payments(ctx, { agents, status: status ?? null, limit, cursor: cursor ?? null })
  return {
    items: page.items,
    next_cursor: page.next_cursor === null ? null : encodeCursor([page.next_cursor], filters),
  }
}
