/** What stands under ledger numbers, as the wire shows it: the history that events are made from. */
import type { Payment, Transfer } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readOutcomes, type TransferRow } from './queries.ts'
import { showIssued, showPayment } from './show-payment.ts'
import { showTransfer } from './show-transfer.ts'
import { readTokenEvents } from './token-queries.ts'

/** A number has a movement, a token's issue, or a token's end; a redemption is the last and a movement. */
export interface Fact {
  /** `transfer` is null where no two agents are its parties. */
  readonly movement: (TransferRow & { transfer: Transfer | null }) | null
  readonly issued: Payment | null
  readonly ended: { payment: Payment; time: Date } | null
}

const betweenAgents = /^(transfer|refund|payment)$/

export async function readFacts(ctx: TegContext, seqs: readonly bigint[]): Promise<Map<bigint, Fact>> {
  const numbers = [...new Set(seqs)]
  const rows = numbers.length > 0 ? await readOutcomes(ctx.db, numbers) : []
  const movements = new Map(rows.filter((row) => row.code === null).map((row) => [row.seq, row]))
  const others = numbers.filter((seq) => betweenAgents.test(movements.get(seq)?.kind ?? 'transfer'))
  const tokens = others.length > 0 ? await readTokenEvents(ctx.db, others) : []
  const bySeq = new Map(tokens.map((row) => [row.event_seq, row]))
  return new Map(
    numbers.map((seq) => {
      const row = movements.get(seq)
      const token = bySeq.get(seq)
      const movement = row
        ? { ...row, transfer: betweenAgents.test(row.kind) ? showTransfer(row) : null }
        : null
      const issued = token && token.seq === seq ? showIssued(token) : null
      const ended =
        token && token.seq !== seq ? { payment: showPayment(token), time: token.ended_at as Date } : null
      return [seq, { movement, issued, ended }]
    }),
  )
}
