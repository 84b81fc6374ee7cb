/** The events of the ledger: transfer.completed and genesis.granted, made from history rows only. */
import { formatAmount } from '#core/base/amount.ts'
import type { OutboxItem } from '#core/wire/teg.ts'
import { showTransfer } from '../ledger/show-transfer.ts'
import type { EventRow } from './queries.ts'

/** An event's id is its movement's: a movement emits one event. */
export function showEvent(row: EventRow): OutboxItem {
  const base = { number: Number(row.number), id: row.id, time: row.created_at.toISOString() }
  const agent = row.to_agent as string
  if (row.kind === 'genesis_grant') {
    const data = { transfer_id: row.id, agent, developer: row.key, amount: formatAmount(row.amount) }
    return { ...base, type: 'genesis.granted', subject: `agents/${agent}`, data, parties: [agent] }
  }
  const parties = [row.from_agent as string, agent]
  return {
    ...base,
    type: 'transfer.completed',
    subject: `transfers/${row.id}`,
    data: showTransfer(row),
    parties,
  }
}
