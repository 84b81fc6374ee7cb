/** Retires an agent for good: first its account at the TEG is closed, then the row becomes a tombstone. */
import { principalOf } from '#core/base/caller.ts'
import { problems } from '#core/base/errors.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { gateErrors } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { carryThrough, type Plan, planIntent } from './change-status.ts'
import { fail } from './errors.ts'
import { requireAgent, requireLocked, requireOwner } from './find-agent.ts'
import type { AgentRow } from './queries.ts'
import { judgeStatus } from './rules.ts'
import { toEnvelope } from './to-envelope.ts'
import { requireMatch } from './update-card.ts'

const refuse = problems(gateErrors)

/**
 * @param moveTo another agent of the same developer that takes what is left, without fee
 * @throws 403 not_owner, 403 suspended_by_operator, 404 agent_not_found, 409 agent_not_empty, 412 precondition_failed,
 * 428 precondition_required, 503 teg_unavailable, 504 outcome_unknown; a retired agent is no error
 */
export async function retireAgent(
  ctx: RegistryContext,
  ref: string,
  moveTo: string | undefined,
  ifMatch: string | undefined,
): Promise<void> {
  const row = await requireAgent(ctx.db, ref)
  requireOwner(ctx.caller, row)
  const heir = row.status === 'retired' || moveTo === undefined ? null : await requireHeir(ctx, row, moveTo)
  await carryThrough(ctx, (tx) => plan(tx, ctx, ref, heir, ifMatch))
}

/** Moving to others would be a transfer without its fee. */
async function requireHeir(ctx: RegistryContext, row: AgentRow, moveTo: string): Promise<AgentRow> {
  const heir = await requireAgent(ctx.db, moveTo)
  if (heir.id === row.id) throw refuse('same_agent', 'The agent cannot leave its balance to itself.')
  if (heir.owner !== row.owner)
    throw fail(
      'not_owner',
      'The balance can be moved to an agent of your own only; pay others by a transfer.',
    )
  if (heir.status === 'retired')
    throw fail('agent_not_active', 'The agent that takes the balance is retired.')
  return heir
}

async function plan(
  tx: Transaction,
  ctx: RegistryContext,
  ref: string,
  heir: AgentRow | null,
  ifMatch: string | undefined,
): Promise<Plan> {
  const row = await requireLocked(tx, ref)
  if (row.status === 'retired') return { kind: 'done', envelope: toEnvelope(row) }
  requireMatch(ifMatch, row)
  if (judgeStatus(row, 'owner') === 'suspended_by_operator')
    throw fail('suspended_by_operator', 'Only an operator can lift the suspension; until then it stays.')
  return planIntent(tx, row, {
    status: 'retired',
    actor: 'owner',
    by: principalOf(ctx.caller) ?? 'anonymous',
    reason: null,
    move_balance_to: heir?.id ?? null,
  })
}
