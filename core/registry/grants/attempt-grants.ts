/** One attempt at due grants: claim in a short transaction, ask the gate outside it, mark what came of it. */
import { formatAmount } from '#core/base/amount.ts'
import type { Fence } from '#core/platform/context.ts'
import type { Command } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { refuseStale } from '../refuse-stale.ts'
import { readSetting } from '../settings/read-settings.ts'
import { openingCommands } from '../transfers/open-accounts.ts'
import { type DueGrant, lockDue, markAttempt, markGranted, markRefused, markTomorrow } from './queries.ts'
import { judgeOutcome, type Verdict, waitSeconds } from './rules.ts'

/** Grants of one attempt. */
export const ATTEMPT_MAX = 100

/**
 * A crash at any point repeats safely: the claim has only moved the next attempt, and the gate grants once per developer.
 * @returns a verdict for each grant tried
 * @throws 503 teg_unavailable, 504 outcome_unknown: everything claimed stays due
 */
export async function attemptGrants(ctx: RegistryContext, developer: string | null): Promise<Verdict[]> {
  const budget = await readSetting(ctx, 'genesis_budget_per_day')
  const due = await claimDue(ctx, developer, budget)
  if (due.length === 0) return []
  const payable = due.filter((grant) => grant.amount > 0n)
  const plans = payable.map((grant) => commandsOf(grant, budget, ctx.fence))
  const outcomes = plans.length > 0 ? await ctx.teg.commands(ctx, plans.flat()) : []
  refuseStale(outcomes, ctx.fence)
  const verdicts = new Map<string, Verdict>()
  let position = -1
  for (const [i, grant] of payable.entries()) {
    position += plans[i]?.length ?? 0
    const outcome = outcomes[position]
    if (!outcome) throw new Error('the TEG gave no outcome of a grant')
    verdicts.set(grant.developer, judgeOutcome(outcome, grant.status))
  }
  // A grant of nothing is settled without the gate, which moves no zero.
  for (const grant of due) if (grant.amount === 0n) verdicts.set(grant.developer, { kind: 'granted' })
  await markVerdicts(ctx, verdicts, budget)
  return [...verdicts.values()]
}

async function claimDue(ctx: RegistryContext, developer: string | null, budget: bigint): Promise<DueGrant[]> {
  return ctx.db.transaction(async (tx) => {
    const due = await lockDue(tx, { developer, budget, limit: ATTEMPT_MAX, time: ctx.time })
    for (const grant of due)
      await markAttempt(tx, {
        developer: grant.developer,
        seconds: waitSeconds(grant.attempts),
        time: ctx.time,
      })
    return due
  })
}

/** The grant, behind the agent's account where the TEG does not have it yet. */
function commandsOf(grant: DueGrant, budget: bigint, fence: Fence | undefined): Command[] {
  const opening = grant.opened ? [] : openingCommands({ ...grant, id: grant.agent })
  return [
    ...opening,
    {
      op: 'grant',
      developer: grant.developer,
      agent: grant.agent,
      amount: formatAmount(grant.amount),
      budget_per_day: formatAmount(budget),
      ...(fence ? { fence } : {}),
    },
  ]
}

async function markVerdicts(
  ctx: RegistryContext,
  verdicts: ReadonlyMap<string, Verdict>,
  budget: bigint,
): Promise<void> {
  await ctx.db.transaction(async (tx) => {
    for (const [developer, verdict] of verdicts) {
      if (verdict.kind === 'granted') await markGranted(tx, developer, ctx.time)
      else if (verdict.kind === 'refused') await markRefused(tx, developer, verdict.code)
      else if (verdict.kind === 'tomorrow') await markTomorrow(tx, developer, budget, ctx.time)
    }
  })
}
