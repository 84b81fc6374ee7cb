/** Payment tokens as the wire shows them. */
import { formatAmount } from '#core/base/amount.ts'
import type { Payment } from '#core/wire/teg.ts'
import type { TokenRow } from './token-queries.ts'

const endings = { 2: 'redeemed', 3: 'cancelled', 4: 'expired' } as const

/** A token as it is: one whose time is over is expired, whether it has been voided or not. */
export function showPayment(row: TokenRow): Payment {
  const ended = row.ended === null ? null : endings[row.ended as keyof typeof endings]
  return {
    ...showIssued(row),
    status: ended ?? (row.due ? 'expired' : 'active'),
    redeemed_amount: formatAmount(row.redeemed ?? 0n),
    transfer_id: row.transfer,
  }
}

/** A token as its issue was answered, whatever has become of it. */
export function showIssued(row: TokenRow): Payment {
  return {
    id: row.id,
    status: 'active',
    payer_agent: row.payer,
    payer_did: row.payer_did,
    payee_agent: row.payee,
    payee_did: row.payee_did,
    amount: formatAmount(row.amount),
    redeemed_amount: '0',
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    transfer_id: null,
    task_ref: row.task_ref,
  }
}
