/** Finds an agent by local id or did, and says who a caller is to it. */
import { type Caller, hasRole } from '#core/base/caller.ts'
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import { fail } from './errors.ts'
import { type AgentRow, findAgent, lockAgent } from './queries.ts'
import { idInDid, normalDid } from './rules.ts'

/**
 * The agent that a request names. Ids are in the did, so the did costs no other index.
 * @throws 404 agent_not_found
 */
export async function requireAgent(on: Queryable, ref: string): Promise<AgentRow> {
  const id = ref.startsWith('did:') ? idInDid(ref) : ref
  const row = id === null ? undefined : await findAgent(on, id)
  return judge(row, ref)
}

/** The same, locked until the transaction ends. */
export async function requireLocked(tx: Transaction, ref: string): Promise<AgentRow> {
  const id = ref.startsWith('did:') ? idInDid(ref) : ref
  const row = id === null ? undefined : await lockAgent(tx, id)
  return judge(row, ref)
}

function judge(row: AgentRow | undefined, ref: string): AgentRow {
  if (!row || (ref.startsWith('did:') && normalDid(ref) !== normalDid(row.did)))
    throw fail('agent_not_found', `There is no agent ${ref} in this registry.`)
  return row
}

/** True for the developer who owns the agent (by session or key). */
export const isOwner = (caller: Caller, row: Pick<AgentRow, 'owner'>): boolean =>
  caller.kind === 'developer' && caller.account === row.owner

/** @throws 403 not_owner: the agent is public, so hiding it would help nobody */
export function requireOwner(caller: Caller, row: Pick<AgentRow, 'owner'>): void {
  if (!isOwner(caller, row))
    throw fail('not_owner', 'Only the developer who published the agent may change it.')
}

/**
 * Lets through who may see an agent's money: its owner, itself, operators and auditors.
 * @throws 404 agent_not_found to everybody else
 */
export function requireInsight(caller: Caller, row: Pick<AgentRow, 'id' | 'owner'>, ref: string): void {
  if (isOwner(caller, row) || (caller.kind === 'agent' && caller.agent === row.id)) return
  if (hasRole(caller, 'operator') || hasRole(caller, 'auditor')) return
  throw fail('agent_not_found', `There is no agent ${ref} that you may look into.`)
}
