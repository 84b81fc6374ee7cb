/** Turns the gate's rows into the wire's outcomes; a replay reads the row of its first outcome. */
import { formatAmount } from '#core/base/amount.ts'
import type { Outcome } from '#core/wire/teg.ts'
import type { GateArrays, ParsedCommand } from './encode-commands.ts'
import type { GateRow, TransferRow } from './queries.ts'
import { showTransfer } from './show-transfer.ts'

const refusal = (code: string, detail: string, replayed: boolean): Outcome => ({
  ok: false,
  replayed,
  transfer: null,
  error: { code, detail },
})

/** Outcomes in the order of the commands. `priors`: first outcomes of replayed keys by ledger number. */
export function buildOutcomes(
  commands: readonly ParsedCommand[],
  batch: GateArrays,
  rows: readonly GateRow[],
  priors: ReadonlyMap<bigint, TransferRow>,
): Outcome[] {
  const outcomes: Outcome[] = []
  for (const [i, row] of rows.entries()) {
    const command = commands[i] as ParsedCommand
    switch (row.o_state) {
      case 0:
        outcomes.push(moved(command, toRow(command, batch, i, row), false))
        break
      case 1:
      case 2:
        outcomes.push(refusal(row.o_code as string, row.o_detail as string, false))
        break
      case 3:
        outcomes.push(replayed(command, priors.get(row.o_prior as bigint) as TransferRow))
        break
      case 4:
        outcomes.push({ ...(outcomes[Number(row.o_prior) - 1] as Outcome), replayed: true })
        break
      default:
        outcomes.push({ ok: true, replayed: row.o_state === 6, transfer: null, error: null })
    }
  }
  return outcomes
}

/** What the gate has just written, without reading it again. */
function toRow(command: ParsedCommand, batch: GateArrays, i: number, row: GateRow): TransferRow {
  return {
    seq: 0n,
    id: batch.id[i] as string,
    kind: command.op,
    scope: null,
    key: batch.key[i] as string,
    from_agent: row.o_from,
    from_did: row.o_from_did,
    to_agent: row.o_to,
    to_did: row.o_to_did,
    amount: row.o_amount as bigint,
    fee: row.o_fee as bigint,
    fee_ppm: row.o_ppm as number,
    memo: batch.memo[i] ?? null,
    reference: batch.reference[i] ?? null,
    refund_of: row.o_refund_of,
    from_seq: null,
    from_balance: row.o_available,
    from_held: null,
    to_seq: null,
    to_balance: null,
    code: null,
    detail: null,
    created_at: row.o_at,
  }
}

function replayed(command: ParsedCommand, row: TransferRow): Outcome {
  return row.code === null ? moved(command, row, true) : refusal(row.code, row.detail as string, true)
}

function moved(command: ParsedCommand, row: TransferRow, again: boolean): Outcome {
  const base = { ok: true, replayed: again, error: null }
  if (command.op === 'grant') {
    const { developer } = command
    const agent = row.to_agent as string
    const amount = formatAmount(row.amount)
    return { ...base, transfer: null, grant: { transfer_id: row.id, agent, developer, amount } }
  }
  const available = (row.from_balance as bigint) - (row.from_held ?? 0n)
  return { ...base, transfer: { ...showTransfer(row), balance_after: formatAmount(available) } }
}
