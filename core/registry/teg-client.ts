/** The registry's only way to the TEG: commands in batches, reads one by one; in process or over HTTP, the same bytes. */
import type { z } from 'zod'
import type { Books } from '#core/wire/audit.ts'
import type {
  Balance,
  Command,
  ExpiredPayments,
  FeePage,
  FeePosting,
  FeeSnapshot,
  Minting,
  OutboxPage,
  Outcome,
  Payment,
  PaymentPage,
  PaymentSearch,
  PostingPage,
  Redemption,
  StatementPage,
  Supply,
  SupplyChange,
  SupplyChangeSearch,
  Transfer,
  TransferPage,
  TransferSearch,
  Treasury,
} from '#core/wire/teg.ts'

/** What travels with a call to the TEG. */
export interface TegCall {
  readonly requestId: string
  readonly signal: AbortSignal
  /** When nobody waits for the answer any more, as performance.now(); the TEG is told how long that is. */
  readonly deadline?: number | undefined
}

/**
 * Errors of every method: 503 teg_unavailable when surely nothing was sent, 504 outcome_unknown when a command was
 * sent and no answer came before the deadline. Refusals of the gate are Outcomes, not throws.
 */
export interface TegClient {
  /** Runs one command through the gate; calls of the same moment travel in one batch. */
  command(call: TegCall, command: Command): Promise<Outcome>
  /** Runs commands in order, as one batch. */
  commands(call: TegCall, commands: readonly Command[]): Promise<Outcome[]>
  /** Null: the TEG has no such account (yet). `at`: RFC 3339. */
  balance(call: TegCall, agent: string, at?: string): Promise<Balance | null>
  statement(
    call: TegCall,
    agent: string,
    query: { from?: string; to?: string; limit: number; cursor?: string },
  ): Promise<z.infer<typeof StatementPage> | null>
  transfer(call: TegCall, id: string): Promise<Transfer | null>
  transfers(call: TegCall, search: z.input<typeof TransferSearch>): Promise<z.infer<typeof TransferPage>>
  /** Null: there is no such payment token. */
  payment(call: TegCall, id: string): Promise<Payment | null>
  /** The token, and what the gate would refuse its payee with at this moment. Null: there is no such payment token. */
  redemption(call: TegCall, id: string): Promise<Redemption | null>
  payments(call: TegCall, search: z.input<typeof PaymentSearch>): Promise<z.infer<typeof PaymentPage>>
  /** Active tokens whose time is over, oldest first. */
  expiredPayments(call: TegCall, limit: number): Promise<z.infer<typeof ExpiredPayments>>
  supply(call: TegCall): Promise<Supply>
  /** Null: a TEG of a version that does not say it. */
  minting(call: TegCall): Promise<Minting | null>
  /** What an order to mint or burn has done; null: it was refused, or never came. */
  supplyChange(call: TegCall, order: SupplyChangeSearch): Promise<SupplyChange | null>
  treasury(call: TegCall): Promise<z.infer<typeof Treasury>>
  fees(call: TegCall): Promise<FeeSnapshot>
  /** Every rate that was in force, the newest first. */
  feeRecords(
    call: TegCall,
    query: { limit: number; cursor?: string | undefined },
  ): Promise<z.infer<typeof FeePage>>
  postFees(call: TegCall, posting: z.infer<typeof FeePosting>): Promise<FeeSnapshot>
  outbox(call: TegCall, after: number, limit: number): Promise<z.infer<typeof OutboxPage>>
  postings(call: TegCall, query: { limit: number; cursor?: string }): Promise<z.infer<typeof PostingPage>>
  /** The books at one snapshot, and sums of the history after a number. */
  books(call: TegCall, after: number): Promise<Books>
  /** True when the TEG and its database answer. */
  ping(call: TegCall): Promise<boolean>
}
