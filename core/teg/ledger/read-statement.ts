/** The statement of an agent: its legs, newest first. */
import type { z } from 'zod'
import { formatAmount } from '#core/base/amount.ts'
import { fail } from '#core/base/errors.ts'
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { StatementItem } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { type LegRow, readAccount, readLegs } from './queries.ts'
import type { StatementQuery } from './schema.ts'

/**
 * `amount` is what the balance changed by: the gross amount for a payer (its `fee` is part of it), the net for a payee.
 * @throws 404 not_found when the TEG has no account of the agent
 */
export async function readStatement(
  ctx: TegContext,
  agent: string,
  query: z.output<typeof StatementQuery>,
): Promise<Page<StatementItem>> {
  const { from, to, limit, cursor } = query
  const filters = { agent, from: from?.toISOString(), to: to?.toISOString(), by: 'number' }
  const [before] = cursor === undefined ? [] : decodeCursor(cursor, filters, [/^\d{1,18}$/])
  if (!(await readAccount(ctx.db, agent, ctx.time)))
    throw fail('not_found', 'The TEG has no account of this agent.')
  const range = { from: from ?? null, to: to ?? null, before: before === undefined ? null : BigInt(before) }
  const rows = await readLegs(ctx.db, agent, range, limit + 1)
  return toPage(rows, limit, filters, (row) => [row.seq.toString()], showLeg)
}

function showLeg(row: LegRow): StatementItem {
  return {
    id: legId(row.transfer_id, row.outward),
    transfer_id: row.transfer_id,
    kind: row.kind as StatementItem['kind'],
    direction: row.outward ? 'out' : 'in',
    amount: formatAmount(row.amount),
    fee: formatAmount(row.fee),
    counterparty_did: row.counterparty_did,
    balance_after: formatAmount(row.balance_after),
    sequence: Number(row.account_seq),
    created_at: row.created_at.toISOString(),
  }
}

/** The id of a leg: its transfer's with the last digit changed, so that both legs have ids of their own. */
function legId(transfer: string, outward: boolean): string {
  return transfer.slice(0, -1) + (Number.parseInt(transfer.slice(-1), 16) ^ (outward ? 1 : 2)).toString(16)
}
