/** The sweep that makes the TEG's accounts agree with the agents: opens what is missing, finishes what is half done. */
import { Problem } from '#core/base/errors.ts'
import type { Fence } from '#core/platform/context.ts'
import type { Command } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { refuseStale } from '../refuse-stale.ts'
import { finishIntent } from './finish-intent.ts'
import { type AgentRow, listUnsettled, markSettled } from './queries.ts'
import { tegStatusOf } from './rules.ts'

const BATCH_MAX = 100
const ROUNDS_MAX = 20

/**
 * Run it at start-up and every minute, by one process. Every step bears being repeated.
 * @returns counts for the run history
 * @throws 503 teg_unavailable, 504 outcome_unknown: the rest is for the next run
 */
export async function settleAgents(ctx: RegistryContext): Promise<{ settled: number; refused: number }> {
  const counts = { settled: 0, refused: 0 }
  let after: string | null = null
  for (let round = 0; round < ROUNDS_MAX && !ctx.signal.aborted; round++) {
    const rows: AgentRow[] = await listUnsettled(ctx.db, after, BATCH_MAX)
    for (const row of rows) if (row.intent) counts[(await finish(ctx, row)) ? 'settled' : 'refused'] += 1
    await assertRows(
      ctx,
      rows.filter((row) => row.intent === null),
      counts,
    )
    after = rows.at(-1)?.id ?? null
    if (rows.length < BATCH_MAX) break
  }
  return counts
}

/** @returns false when the gate has refused, which ends the intent */
async function finish(ctx: RegistryContext, row: AgentRow): Promise<boolean> {
  if (!row.intent) return true
  try {
    await finishIntent(ctx, row, row.intent, false)
    return true
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return false
    throw error
  }
}

async function assertRows(
  ctx: RegistryContext,
  rows: readonly AgentRow[],
  counts: { settled: number; refused: number },
): Promise<void> {
  if (rows.length === 0) return
  const plans = rows.map((row) => accountCommands(row, ctx.fence))
  const outcomes = await ctx.teg.commands(ctx, plans.flat())
  refuseStale(outcomes, ctx.fence)
  let position = -1
  for (const [i, row] of rows.entries()) {
    position += plans[i]?.length ?? 0
    if (!outcomes[position]?.ok) {
      counts.refused += 1
      continue
    }
    await markSettled(ctx.db, row.id, row.sequence)
    counts.settled += 1
  }
}

/** The account, and its status where it is not open. */
function accountCommands(row: AgentRow, fence: Fence | undefined): Command[] {
  const open: Command = { op: 'open_account', agent: row.id, did: row.did, owner: row.owner }
  const status: Command = {
    op: 'set_status',
    agent: row.id,
    sequence: Number(row.sequence),
    status: tegStatusOf(row.status),
    move_balance_to: null,
    ...(fence ? { fence } : {}),
  }
  return [open, status]
}
