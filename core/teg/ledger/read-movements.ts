/** Reads movements in the order of the ledger, as the wire shows them: what most events are made from. */
import type { Transfer } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { type MovementRow, type MovementSpan, readSpans } from './movement-queries.ts'
import type { TransferRow } from './queries.ts'
import { showTransfer } from './show-transfer.ts'

export type { MovementSpan }

/** `transfer` is null where no two agents are its parties. */
export type Movement = MovementRow & { readonly transfer: Transfer | null }

const KINDS_BETWEEN_AGENTS: ReadonlySet<string> = new Set(['transfer', 'refund', 'payment'])

/** The movements of spans, span by span. */
export async function readMovements(ctx: TegContext, spans: readonly MovementSpan[]): Promise<Movement[]> {
  const rows = await readSpans(ctx.db, spans)
  return rows.map((row) => ({
    ...row,
    // All that this looks at was read.
    transfer: KINDS_BETWEEN_AGENTS.has(row.kind) ? showTransfer(row as MovementRow & TransferRow) : null,
  }))
}
