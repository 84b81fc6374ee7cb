/** Rows of the ledger as the wire shows them. */
import { formatAmount, formatRate } from '#core/base/amount.ts'
import type { Transfer } from '#core/wire/teg.ts'
import type { TransferRow } from './queries.ts'

/** A movement between agents. */
export function showTransfer(row: TransferRow): Transfer {
  const time = row.created_at.toISOString()
  return {
    id: row.id,
    status: 'completed',
    route: 'local',
    from_agent: row.from_agent as string,
    from_did: row.from_did as string,
    to_agent: row.to_agent,
    to_did: row.to_did as string,
    amount: formatAmount(row.amount),
    fee: formatAmount(row.fee),
    net: formatAmount(row.amount - row.fee),
    fee_rate: formatRate(BigInt(row.fee_ppm)),
    memo: row.memo,
    reference: row.reference,
    failure_code: null,
    refund_of: row.refund_of,
    created_at: time,
    completed_at: time,
  }
}
