/** Carries a change of status through the TEG and into the row; safe to repeat after a crash at any point. */
import { fail as commonFail, Problem, problems } from '#core/base/errors.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { type Command, gateErrors, type Outcome } from '#core/wire/teg.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { refuseStale } from '../refuse-stale.ts'
import { requireLocked } from './find-agent.ts'
import { keepChange } from './keep-change.ts'
import { type AgentRow, type Intent, updateIntent } from './queries.ts'
import { tegStatusOf } from './rules.ts'
import type { Envelope } from './schema.ts'
import { toEnvelope } from './to-envelope.ts'

const refuse = problems(gateErrors)

/** The gate is waited for less long than the call may take, so that time is left to drop an intent that was not sent. */
const GATE_WAIT_MS = 15_000

/**
 * First the gate, then the row. The intent stands in the row before the gate is asked: whoever comes later, or the
 * sweep, sends the same command (the TEG keeps it by agent and sequence) and finishes.
 * @param fresh this call has made the intent, so no earlier command of it can be on its way
 * @throws the gate's refusal (the intent is dropped), 503 teg_unavailable, 504 outcome_unknown (the intent stays)
 */
export async function finishIntent(
  ctx: RegistryContext,
  row: Pick<AgentRow, 'id' | 'did' | 'owner' | 'teg_sequence'>,
  intent: Intent,
  fresh: boolean,
): Promise<Envelope> {
  const outcome = await askGate(ctx, row, intent, fresh)
  if (!outcome.ok) {
    await dropIntent(ctx, row.id, intent)
    throw toRefusal(outcome)
  }
  const envelope = await ctx.db.transaction(async (tx) => {
    const locked = await requireLocked(tx, row.id)
    if (locked.intent?.sequence !== intent.sequence) {
      if (locked.status === intent.status) return toEnvelope(locked)
      throw commonFail(
        'precondition_failed',
        'The status was changed by somebody else meanwhile; read it again.',
      )
    }
    await recordStatus(tx, ctx, locked, intent)
    return keepChange(
      tx,
      ctx,
      { ...locked, intent: null },
      {
        fields: statusFields(intent, ctx),
        event: intent.status === 'retired' ? 'agent.retired' : 'agent.updated',
        settled: true,
        sequenceMin: intent.sequence,
      },
    )
  })
  ctx.wake('relay')
  return envelope
}

/** Operators' acts stand in the audit trail with who asked for them. */
export async function recordStatus(
  tx: Transaction,
  ctx: RegistryContext,
  before: Pick<AgentRow, 'id' | 'status' | 'suspended_by'>,
  wanted: Omit<Intent, 'sequence' | 'move_balance_to'>,
): Promise<void> {
  if (wanted.actor !== 'operator') return
  await recordAct(tx, ctx, {
    act: 'agent.status',
    object: `agents/${before.id}`,
    before: { status: before.status, suspended_by: before.suspended_by },
    after: { status: wanted.status, reason: wanted.reason, by: wanted.by },
  })
}

/** What a status writes into the row. */
export function statusFields(intent: Omit<Intent, 'sequence' | 'move_balance_to'>, ctx: RegistryContext) {
  return {
    status: intent.status,
    status_reason: intent.reason,
    suspended_by: intent.status === 'suspended' ? intent.actor : null,
    retired_at: intent.status === 'retired' ? (ctx.time ?? ctx.clock.now()) : null,
  }
}

async function askGate(
  ctx: RegistryContext,
  row: Pick<AgentRow, 'id' | 'did' | 'owner' | 'teg_sequence'>,
  intent: Intent,
  fresh: boolean,
): Promise<Outcome> {
  const command: Command = {
    op: 'set_status',
    agent: row.id,
    sequence: intent.sequence,
    status: tegStatusOf(intent.status),
    move_balance_to: intent.move_balance_to,
    ...(ctx.fence ? { fence: ctx.fence } : {}),
  }
  const open: Command = { op: 'open_account', agent: row.id, did: row.did, owner: row.owner }
  const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(GATE_WAIT_MS)])
  const call = { requestId: ctx.requestId, signal }
  try {
    const outcomes = await ctx.teg.commands(call, row.teg_sequence > 0n ? [command] : [open, command])
    refuseStale(outcomes, ctx.fence)
    const last = outcomes.at(-1)
    if (!last) throw new Error('the TEG gave no outcome of a change of status')
    return last
  } catch (error) {
    const unsent = error instanceof Problem && error.code === 'teg_unavailable'
    if (unsent && fresh) await dropIntent(ctx, row.id, intent)
    throw error
  }
}

async function dropIntent(ctx: RegistryContext, id: string, intent: Intent): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    const locked = await requireLocked(tx, id)
    if (locked.intent?.sequence === intent.sequence) await updateIntent(tx, id, null)
  })
}

function toRefusal(outcome: Outcome): Error {
  const { code = '', detail } = outcome.error ?? {}
  if (!Object.hasOwn(gateErrors, code)) return new Error(`the TEG refused a change of status with ${code}`)
  return refuse(code as keyof typeof gateErrors, detail)
}
