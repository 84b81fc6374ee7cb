/** Statements of the transfers: who owns an agent, and whether the TEG knows it yet. */
import type { Queryable } from '#core/platform/database/database.ts'
import type { AgentStatus } from './rules.ts'

export interface AgentRow {
  id: string
  did: string
  owner: string
  status: AgentStatus
  sequence: bigint
  /** True when the TEG has an account for it. */
  opened: boolean
}

/** Agents by id or did. */
export const selectAgents = (on: Queryable, ids: readonly string[], dids: readonly string[]) =>
  on.query<AgentRow>(
    `select id, did, owner, status, sequence, teg_sequence > 0 as opened from registry.agents
     where id = any($1::uuid[]) or did = any($2::text[])`,
    [ids, dids],
  )

/** At most `limit` agents of a developer. */
export const selectAgentIdsOf = (on: Queryable, owner: string, limit: number) =>
  on.query<{ id: string }>('select id from registry.agents where owner = $1 order by id limit $2', [
    owner,
    limit,
  ])
