/** The balance of an agent, now or at a moment. */

import { formatAmount } from '#core/base/amount.ts'
import { fail } from '#core/base/errors.ts'
import type { Balance } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readAccount, readAccountAt } from './queries.ts'

/** @throws 404 not_found when the TEG has no account of the agent */
export async function readBalance(ctx: TegContext, agent: string, at?: Date): Promise<Balance> {
  const row = at ? await readAccountAt(ctx.db, agent, at) : await readAccount(ctx.db, agent, ctx.time)
  if (!row) throw fail('not_found', 'The TEG has no account of this agent.')
  return {
    available: formatAmount(row.balance - row.held),
    held: formatAmount(row.held),
    staked: formatAmount(row.staked),
    unbonding: formatAmount(row.unbonding),
    total: formatAmount(row.balance + row.staked + row.unbonding),
  }
}
