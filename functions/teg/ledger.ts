/** The TEG's inside address: commands to the gate, and reads. Only the registry calls it, with the service token. */
import { IdPath, PageQuery } from '#core/base/shapes.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'
import type { TegContext } from '#core/teg/context.ts'
import { feeErrors } from '#core/teg/fees/errors.ts'
import { listFees } from '#core/teg/fees/list-fees.ts'
import { postFees } from '#core/teg/fees/post-fees.ts'
import { readFees } from '#core/teg/fees/read-fees.ts'
import { ledgerErrors } from '#core/teg/ledger/errors.ts'
import { findSupplyChange } from '#core/teg/ledger/find-supply-change.ts'
import { listExpired } from '#core/teg/ledger/list-expired.ts'
import { postCommands } from '#core/teg/ledger/post-commands.ts'
import { readBalance } from '#core/teg/ledger/read-balance.ts'
import { readPayment, readRedemption } from '#core/teg/ledger/read-payment.ts'
import { readStatement } from '#core/teg/ledger/read-statement.ts'
import { readTransfer } from '#core/teg/ledger/read-transfer.ts'
import { BalanceQuery, ExpiredQuery, PostingsQuery, StatementQuery } from '#core/teg/ledger/schema.ts'
import { searchPayments } from '#core/teg/ledger/search-payments.ts'
import { searchTransfers } from '#core/teg/ledger/search-transfers.ts'
import { readOutbox } from '#core/teg/outbox/read-outbox.ts'
import { readPostings } from '#core/teg/outbox/read-postings.ts'
import { BooksQuery, OutboxQuery } from '#core/teg/outbox/schema.ts'
import { readBooks } from '#core/teg/supply/read-books.ts'
import { readMinting } from '#core/teg/supply/read-minting.ts'
import { readSupply } from '#core/teg/supply/read-supply.ts'
import { readTreasury } from '#core/teg/supply/read-treasury.ts'
import { Books } from '#core/wire/audit.ts'
import * as wire from '#core/wire/teg.ts'

const { get, post } = rowsOf<TegContext>()
const inside = { callers: ['service'], idempotency: 'none' } as const

export default defineFunction<TegContext>({
  tag: 'teg-ledger',
  bodyLimitBytes: 64 * 1024 * 1024,
  heedsTimeout: true,
  rows: [
    post(
      '/commands',
      {
        ...inside,
        summary: 'Runs commands through the gate, in order; each has its own outcome',
        body: wire.CommandBatch,
        reply: wire.OutcomeBatch,
        errors: [ledgerErrors],
      },
      ({ ctx, body }) => postCommands(ctx, body.commands, body.calls),
    ),
    get(
      '/accounts/:id/balance',
      {
        ...inside,
        summary: 'The balance of an agent, now or at a moment',
        params: IdPath,
        query: BalanceQuery,
        reply: wire.Balance,
      },
      ({ ctx, params, query }) => readBalance(ctx, params.id, query.at),
    ),
    get(
      '/accounts/:id/statement',
      {
        ...inside,
        summary: 'The statement of an agent, newest first',
        params: IdPath,
        query: StatementQuery,
        reply: wire.StatementPage,
      },
      ({ ctx, params, query }) => readStatement(ctx, params.id, query),
    ),
    post(
      '/transfers/search',
      {
        ...inside,
        summary: 'Transfers of agents, newest first',
        body: wire.TransferSearch,
        reply: wire.TransferPage,
      },
      ({ ctx, body }) => searchTransfers(ctx, body),
    ),
    get(
      '/transfers/:id',
      { ...inside, summary: 'A transfer', params: IdPath, reply: wire.Transfer },
      ({ ctx, params }) => readTransfer(ctx, params.id),
    ),
    post(
      '/payments/search',
      {
        ...inside,
        summary: 'Payment tokens of agents, newest first',
        body: wire.PaymentSearch,
        reply: wire.PaymentPage,
      },
      ({ ctx, body }) => searchPayments(ctx, body),
    ),
    get(
      '/payments/expired',
      {
        ...inside,
        summary: 'Active payment tokens whose time is over, oldest first',
        query: ExpiredQuery,
        reply: wire.ExpiredPayments,
      },
      ({ ctx, query }) => listExpired(ctx, query.limit),
    ),
    get(
      '/payments/:id',
      { ...inside, summary: 'A payment token', params: IdPath, reply: wire.Payment },
      ({ ctx, params }) => readPayment(ctx, params.id),
    ),
    get(
      '/payments/:id/redemption',
      {
        ...inside,
        summary: 'A payment token, and what stands against redeeming it now',
        params: IdPath,
        reply: wire.Redemption,
      },
      ({ ctx, params }) => readRedemption(ctx, params.id),
    ),
    get('/supply', { ...inside, summary: 'The supply, in one snapshot', reply: wire.Supply }, ({ ctx }) =>
      readSupply(ctx),
    ),
    get(
      '/books',
      {
        ...inside,
        summary: 'The supply and sums of the history, at one snapshot whose last event has a number',
        query: BooksQuery,
        reply: Books,
      },
      ({ ctx, query }) => readBooks(ctx, query.after),
    ),
    post(
      '/supply-changes/search',
      {
        ...inside,
        summary: 'What has become of an order to mint or burn',
        body: wire.SupplyChangeSearch,
        reply: wire.SupplyChangeFound,
      },
      ({ ctx, body }) => findSupplyChange(ctx, body),
    ),
    get(
      '/minting',
      { ...inside, summary: 'Whether it may mint, and ever has', reply: wire.Minting },
      ({ ctx }) => readMinting(ctx),
    ),
    get('/treasury', { ...inside, summary: 'The treasury', reply: wire.Treasury }, ({ ctx }) =>
      readTreasury(ctx),
    ),
    get('/fees', { ...inside, summary: 'The rates in force', reply: wire.FeeSnapshot }, ({ ctx }) =>
      readFees(ctx),
    ),
    get(
      '/fees/records',
      {
        ...inside,
        summary: 'Every rate that was in force, newest first',
        query: PageQuery,
        reply: wire.FeePage,
      },
      ({ ctx, query }) => listFees(ctx, query),
    ),
    post(
      '/fees',
      {
        ...inside,
        summary: 'Brings rates into force',
        body: wire.FeePosting,
        reply: wire.FeeSnapshot,
        errors: [feeErrors],
      },
      ({ ctx, body }) => postFees(ctx, body),
    ),
    get(
      '/outbox',
      {
        ...inside,
        summary: 'Events of committed batches, numbered without gaps',
        query: OutboxQuery,
        reply: wire.OutboxPage,
      },
      ({ ctx, query }) => readOutbox(ctx, query),
    ),
    get(
      '/postings',
      { ...inside, summary: 'Every leg, in commit order', query: PostingsQuery, reply: wire.PostingPage },
      ({ ctx, query }) => readPostings(ctx, query),
    ),
  ],
})
