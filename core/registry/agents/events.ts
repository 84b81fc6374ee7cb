/** What agents emit: the whole envelope, public. */
import type { Context } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import type { Envelope } from './schema.ts'

export type AgentEvent = 'agent.published' | 'agent.updated' | 'agent.retired'

/** Emits a change of an agent in the transaction that makes it. */
export function emitAgent(
  tx: Transaction,
  ctx: Context,
  type: AgentEvent,
  envelope: Envelope,
): Promise<void> {
  return emitEvent(tx, ctx, { type, subject: `agents/${envelope.id}`, data: { ...envelope }, audience: null })
}
