/** The events of the ledger, made from history rows only: movements, and payment tokens issued and ended. */
import { formatAmount } from '#core/base/amount.ts'
import type { OutboxItem, Payment } from '#core/wire/teg.ts'
import type { TransferRow } from '../ledger/queries.ts'
import { showIssued, showPayment } from '../ledger/show-payment.ts'
import { showTransfer } from '../ledger/show-transfer.ts'
import type { TokenRow } from '../ledger/token-queries.ts'

/** The event of a movement; its id is the movement's. */
export function showMovement(number: bigint, row: TransferRow): OutboxItem {
  const base = { number: Number(number), id: row.id, time: row.created_at.toISOString() }
  const subject = `transfers/${row.id}`
  const agent = row.to_agent ?? row.from_agent
  const amount = formatAmount(row.amount)
  switch (row.kind) {
    case 'genesis_grant': {
      const data = { transfer_id: row.id, agent, developer: row.key, amount }
      return {
        ...base,
        type: 'genesis.granted',
        subject: `agents/${agent}`,
        data,
        parties: [agent as string],
      }
    }
    case 'mint':
    case 'burn': {
      const type = row.kind === 'mint' ? 'supply.minted' : 'supply.burned'
      const data = { transfer_id: row.id, agent, amount, memo: row.memo, created_at: base.time }
      return { ...base, type, subject, data, parties: null }
    }
    default: {
      const parties = [row.from_agent as string, row.to_agent as string]
      return { ...base, type: 'transfer.completed', subject, data: showTransfer(row), parties }
    }
  }
}

/** The event of a token: `event` is 1 for its issue and 2, 3, 4 for its end. The ids of both follow from the token's. */
export function showToken(
  number: bigint,
  event: number,
  row: TokenRow & { ended_at: Date | null },
  transfer: TransferRow | undefined,
): OutboxItem {
  const issued = event === 1
  const payment: Payment = issued ? showIssued(row) : showPayment(row)
  return {
    number: Number(number),
    id: issued ? row.id : row.id.slice(0, -1) + (Number.parseInt(row.id.slice(-1), 16) ^ 1).toString(16),
    type: `payment.${issued ? 'issued' : payment.status}`,
    subject: `payments/${row.id}`,
    time: (issued ? row.created_at : (row.ended_at as Date)).toISOString(),
    data: transfer ? { ...payment, transfer: showTransfer(transfer) } : payment,
    parties: [row.payer, row.payee],
  }
}
