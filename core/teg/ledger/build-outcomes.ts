/** Turns the gate's rows into the wire's outcomes; a replay reads the row of its first outcome. */
import { formatAmount } from '#core/base/amount.ts'
import type { Outcome, Payment } from '#core/wire/teg.ts'
import type { GateArrays, ParsedCommand } from './encode-commands.ts'
import type { GateRow, TransferRow } from './queries.ts'
import { idOf } from './rules.ts'
import { showIssued, showPayment } from './show-payment.ts'
import { showTransfer } from './show-transfer.ts'
import type { TokenRow } from './token-queries.ts'

/** What was read after the batch. */
export interface Found {
  /** First outcomes of replayed keys by ledger number. */
  readonly priors: ReadonlyMap<bigint, TransferRow>
  /** Tokens by id. */
  readonly tokens: ReadonlyMap<string, TokenRow>
}

const refusal = (code: string, detail: string, replayed: boolean): Outcome => ({
  ok: false,
  replayed,
  transfer: null,
  error: { code, detail },
})

/** Ids of the tokens that the outcomes will show. */
export function tokensOf(
  commands: readonly ParsedCommand[],
  rows: readonly GateRow[],
  priors: Found['priors'],
): string[] {
  return commands.flatMap((command, i) => {
    if (command.op === 'issue_token') {
      const row = rows[i] as GateRow
      if (row.o_state === 0) return idOf(row.o_prior as bigint, row.o_at)
      return (row.o_state === 3 ? priors.get(row.o_prior as bigint)?.id : null) ?? []
    }
    return 'token_id' in command ? command.token_id : []
  })
}

/** Outcomes in the order of the commands. */
export function buildOutcomes(
  commands: readonly ParsedCommand[],
  batch: GateArrays,
  rows: readonly GateRow[],
  found: Found,
): Outcome[] {
  const outcomes: Outcome[] = []
  for (const [i, row] of rows.entries()) {
    const command = commands[i] as ParsedCommand
    switch (row.o_state) {
      case 0:
        outcomes.push(moved(command, toRow(command, batch, i, row), false, found))
        break
      case 1:
      case 2:
        outcomes.push(refusal(row.o_code as string, row.o_detail as string, false))
        break
      case 3:
        outcomes.push(replayed(command, found.priors.get(row.o_prior as bigint) as TransferRow, found))
        break
      case 4:
        outcomes.push({ ...(outcomes[Number(row.o_prior) - 1] as Outcome), replayed: true })
        break
      default:
        outcomes.push(done(command, row, found))
    }
  }
  return outcomes
}

/** What the gate has just written, without reading it again. */
function toRow(command: ParsedCommand, batch: GateArrays, i: number, row: GateRow): TransferRow {
  return {
    seq: row.o_prior as bigint,
    id: idOf(row.o_prior as bigint, row.o_at),
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
    available: row.o_available,
  }
}

function replayed(command: ParsedCommand, row: TransferRow, found: Found): Outcome {
  const happened = row.code === null || row.code === 'held'
  return happened ? moved(command, row, true, found) : refusal(row.code as string, row.detail as string, true)
}

/** What the acting account has available after it; nothing where the row does not know. */
const leaving = (available: bigint | null): Pick<Outcome, 'balance_after'> =>
  available === null ? {} : { balance_after: formatAmount(available) }

function moved(command: ParsedCommand, row: TransferRow, again: boolean, found: Found): Outcome {
  const base = { ok: true, replayed: again, transfer: null, error: null, ...leaving(row.available) }
  switch (command.op) {
    case 'grant': {
      const { developer } = command
      const agent = row.to_agent as string
      return {
        ...base,
        grant: { transfer_id: row.id, agent, developer, amount: formatAmount(row.amount) },
      }
    }
    case 'mint':
    case 'burn':
      return {
        ...base,
        supply_change: {
          transfer_id: row.id,
          agent: row.to_agent ?? row.from_agent,
          amount: formatAmount(row.amount),
          created_at: row.created_at.toISOString(),
        },
      }
    case 'issue_token':
      return { ...base, payment: showIssued(found.tokens.get(row.id) as TokenRow) }
    case 'redeem_token':
      // The caller is the payee: what the payer has left is not for its eyes.
      return { ...base, transfer: showTransfer(row), payment: paymentOf(command.token_id, found) }
    default: {
      const available = (row.from_balance as bigint) - (row.from_held ?? 0n)
      const transfer = { ...showTransfer(row), balance_after: formatAmount(available) }
      return { ok: true, replayed: again, transfer, error: null }
    }
  }
}

/** A command without a movement: done now, or before. A token that was active then may have ended since. */
function done(command: ParsedCommand, row: GateRow, found: Found): Outcome {
  const base = { ok: true, replayed: row.o_state === 6, transfer: null, error: null }
  if (!('token_id' in command)) return base
  const { token_id: id } = command
  const token = found.tokens.get(id) as TokenRow
  if (row.o_code === 'active') return { ...base, payment: showIssued(token) }
  // A token ends once: a repeat reads what the end that it asks for has left.
  const isEnd = token.ended === (command.op === 'cancel_token' ? 3 : 4)
  return { ...base, payment: showPayment(token), ...leaving(isEnd ? token.available : null) }
}

const paymentOf = (id: string, found: Found): Payment => showPayment(found.tokens.get(id) as TokenRow)
