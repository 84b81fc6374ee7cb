/** The commands that give an agent its account at the TEG where the call after its publication did not come through. */
import type { Command } from '#core/wire/teg.ts'
import type { AgentRow } from './queries.ts'

/**
 * Sent ahead of a command in the same batch: a refusal for a missing account would be the key's outcome for ever.
 * Both are idempotent; the agents' sweep brings the row up to date.
 */
export function openingCommands(
  agent: Pick<AgentRow, 'id' | 'did' | 'owner' | 'status' | 'sequence'>,
): Command[] {
  const open: Command = { op: 'open_account', agent: agent.id, did: agent.did, owner: agent.owner }
  if (agent.status === 'active' || agent.status === 'deprecated') return [open]
  return [
    open,
    {
      op: 'set_status',
      agent: agent.id,
      sequence: Number(agent.sequence),
      status: agent.status === 'suspended' ? 'frozen' : 'closed',
      move_balance_to: null,
    },
  ]
}
