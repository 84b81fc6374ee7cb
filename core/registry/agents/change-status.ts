/** Changes an agent's status: by its owner, or by an operator, whose suspension the owner can't lift. */
import { hasRole, principalOf } from '#core/base/caller.ts'
import { Problem } from '#core/base/errors.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { fail as failTeg } from '../teg-errors.ts'
import { fail } from './errors.ts'
import { isOwner, requireLocked } from './find-agent.ts'
import { finishIntent, recordStatus, statusFields } from './finish-intent.ts'
import { keepChange } from './keep-change.ts'
import { type AgentRow, type Intent, updateIntent } from './queries.ts'
import { judgeStatus, type StatusActor, tegStatusOf } from './rules.ts'
import type { AgentStatus, Envelope } from './schema.ts'
import { toEnvelope } from './to-envelope.ts'

/** Half-done changes of others that one call finishes before its own. */
const ROUNDS_MAX = 3

export interface StatusChange {
  readonly status: Exclude<AgentStatus, 'retired'>
  readonly reason?: string | null | undefined
}

/**
 * @throws 403 not_owner, 403 suspended_by_operator, 404 agent_not_found, 409 agent_not_active (retired),
 * 503 teg_unavailable, 504 outcome_unknown
 */
export async function changeStatus(
  ctx: RegistryContext,
  ref: string,
  change: StatusChange,
): Promise<Envelope> {
  return carryThrough(ctx, (tx) => plan(tx, ctx, ref, change))
}

/** What a transaction has decided: done, or an intent to carry through (one's own, or one found half done). */
export type Plan =
  | { readonly kind: 'done'; readonly envelope: Envelope }
  | { readonly kind: 'own'; readonly row: AgentRow; readonly intent: Intent; readonly fresh: boolean }
  | { readonly kind: 'other'; readonly row: AgentRow; readonly intent: Intent }

/** Plans, asks the gate, writes; finishes what somebody else has left half done first. */
export async function carryThrough(
  ctx: RegistryContext,
  decide: (tx: Transaction) => Promise<Plan>,
): Promise<Envelope> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const next = await ctx.db.transaction(decide)
    if (next.kind === 'done') {
      ctx.wake('relay')
      return next.envelope
    }
    if (next.kind === 'own') return finishIntent(ctx, next.row, next.intent, next.fresh)
    await finishOther(ctx, next.row, next.intent)
  }
  throw failTeg('outcome_unknown', 'Others keep changing the status of this agent; try again.')
}

/** What somebody else's change is refused for is not this caller's concern: it is out of the way then. */
async function finishOther(ctx: RegistryContext, row: AgentRow, intent: Intent): Promise<void> {
  try {
    await finishIntent(ctx, row, intent, false)
  } catch (error) {
    if (!(error instanceof Problem) || error.status >= 500) throw error
  }
}

async function plan(tx: Transaction, ctx: RegistryContext, ref: string, change: StatusChange): Promise<Plan> {
  const row = await requireLocked(tx, ref)
  const actor = actorOf(ctx, row)
  const refusal = judgeStatus(row, actor)
  if (refusal === 'retired') throw fail('agent_not_active', 'The agent is retired for good.')
  if (refusal) throw fail(refusal, 'Only an operator can lift the suspension.')
  const by = principalOf(ctx.caller) ?? 'anonymous'
  const wanted = { status: change.status, actor, by, reason: change.reason ?? null }
  if (row.intent === null && tegStatusOf(row.status) === tegStatusOf(wanted.status))
    return { kind: 'done', envelope: await changeRow(tx, ctx, row, wanted) }
  return planIntent(tx, row, { ...wanted, move_balance_to: null })
}

/** Notes the intent in the locked row, or finds the one that is under way. */
export async function planIntent(
  tx: Transaction,
  row: AgentRow,
  wanted: Omit<Intent, 'sequence'>,
): Promise<Plan> {
  if (row.intent) {
    const same =
      row.intent.status === wanted.status &&
      row.intent.actor === wanted.actor &&
      row.intent.move_balance_to === wanted.move_balance_to
    return same
      ? { kind: 'own', row, intent: row.intent, fresh: false }
      : { kind: 'other', row, intent: row.intent }
  }
  const intent = { ...wanted, sequence: Number(row.sequence) + 1 }
  await updateIntent(tx, row.id, intent)
  return { kind: 'own', row, intent, fresh: true }
}

/** A change that the TEG has no say in: active to deprecated and back, another reason. */
async function changeRow(
  tx: Transaction,
  ctx: RegistryContext,
  row: AgentRow,
  wanted: Omit<Intent, 'sequence' | 'move_balance_to'>,
): Promise<Envelope> {
  const fields = statusFields(wanted, ctx)
  const same =
    row.status === fields.status &&
    row.status_reason === fields.status_reason &&
    row.suspended_by === fields.suspended_by
  if (same) return toEnvelope(row)
  await recordStatus(tx, ctx, row, wanted)
  return keepChange(tx, ctx, row, {
    fields,
    event: 'agent.updated',
    settled: row.teg_sequence >= row.sequence,
  })
}

/** An operator acts as such also on an agent of their own. @throws 403 not_owner */
function actorOf(ctx: RegistryContext, row: AgentRow): StatusActor {
  if (hasRole(ctx.caller, 'operator')) return 'operator'
  if (isOwner(ctx.caller, row)) return 'owner'
  throw fail(
    'not_owner',
    'Only the developer who published the agent, or an operator, may change its status.',
  )
}
