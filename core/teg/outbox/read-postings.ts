/** Every leg in commit order, for auditors: the legs of one movement sum to zero. */
import type { z } from 'zod'
import { formatAmount } from '#core/base/amount.ts'
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { Posting } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { type EventRow, numberOutbox, readMovements } from './queries.ts'

interface Leg {
  sequence: bigint
  row: EventRow
  account: string
  amount: bigint
  balance: bigint | null
}

/** Sequence numbers grow with the events' numbers, which follow the commits: a reader that goes on misses nothing. */
export async function readPostings(
  ctx: TegContext,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<z.output<typeof Posting>>> {
  const [text] = query.cursor === undefined ? [] : decodeCursor(query.cursor, {}, [/^\d{1,18}$/])
  const after = BigInt(text ?? 0)
  await numberOutbox(ctx.db)
  // The movement that the page before broke off at is read again.
  const rows = await readMovements(ctx.db, after / 4n > 0n ? after / 4n - 1n : 0n, query.limit + 2)
  const legs = rows.flatMap(legsOf).filter((leg) => leg.sequence > after)
  return toPage(legs, query.limit, {}, (leg) => [leg.sequence.toString()], showLeg)
}

function legsOf(row: EventRow): Leg[] {
  const { kind, amount, fee, from_agent, to_agent } = row
  const legs: [string | null, bigint, bigint | null][] = [
    [from_agent ?? (kind === 'burn' ? 'system:treasury' : 'system:issuance'), -amount, row.from_balance],
    [to_agent ?? (kind === 'burn' ? 'system:destruction' : 'system:treasury'), amount - fee, row.to_balance],
    [fee > 0n ? 'system:treasury' : null, fee, null],
  ]
  return legs.flatMap(([account, change, balance], i) =>
    account === null ? [] : { sequence: row.number * 4n + BigInt(i), row, account, amount: change, balance },
  )
}

function showLeg(leg: Leg): z.output<typeof Posting> {
  return {
    sequence: leg.sequence.toString(),
    transfer_id: leg.row.id,
    account: leg.account,
    amount: formatAmount(leg.amount),
    balance_after: leg.balance === null ? null : formatAmount(leg.balance),
    created_at: leg.row.created_at.toISOString(),
  }
}
