/** The events of the ledger, made from its history: movements, and payment tokens issued and ended. */
import { formatAmount } from '#core/base/amount.ts'
import type { OutboxItem, Payment } from '#core/wire/teg.ts'
import type { Fact } from '../ledger/read-facts.ts'
import type { Movement } from '../ledger/read-movements.ts'

/** The event of a movement; its id is the movement's. */
export function showMovement(number: bigint, row: Omit<Movement, 'place'>): OutboxItem {
  const base = { number: Number(number), id: row.id, time: row.created_at.toISOString() }
  const subject = `transfers/${row.id}`
  if (row.transfer) {
    const { from_agent, to_agent } = row.transfer
    const parties = to_agent === null ? [from_agent] : [from_agent, to_agent]
    return { ...base, type: 'transfer.completed', subject, data: row.transfer, parties }
  }
  const agent = row.to_agent ?? row.from_agent
  const amount = formatAmount(row.amount)
  if (row.kind === 'genesis_grant') {
    const data = { transfer_id: row.id, agent, developer: row.key, amount }
    return { ...base, type: 'genesis.granted', subject: `agents/${agent}`, data, parties: [agent as string] }
  }
  const type = row.kind === 'mint' ? 'supply.minted' : 'supply.burned'
  const data = { transfer_id: row.id, agent, amount, memo: row.memo, created_at: base.time }
  return { ...base, type, subject, data, parties: null }
}

/** The event of a token's issue; its id is the token's. */
export function showIssue(number: bigint, payment: Payment): OutboxItem {
  return { ...aboutToken(number, payment, 'issued', payment.created_at), id: payment.id, data: payment }
}

/** The event of a token's end; its id is the token's with the last digit changed. A redemption shows its movement. */
export function showEnd(number: bigint, { movement, ended }: Fact): OutboxItem {
  const { payment, time } = ended as NonNullable<Fact['ended']>
  const last = (Number.parseInt(payment.id.slice(-1), 16) ^ 1).toString(16)
  return {
    ...aboutToken(number, payment, payment.status, time.toISOString()),
    id: payment.id.slice(0, -1) + last,
    data: movement ? { ...payment, transfer: movement.transfer } : payment,
  }
}

function aboutToken(number: bigint, payment: Payment, what: string, time: string) {
  return {
    number: Number(number),
    type: `payment.${what}`,
    subject: `payments/${payment.id}`,
    time,
    parties: [payment.payer_agent, payment.payee_agent],
  }
}
