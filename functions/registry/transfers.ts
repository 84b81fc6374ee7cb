/** Transfers: quotes, single and batched transfers, lists, refunds, ratings. */
import { IdPath } from '#core/base/shapes.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { ratingErrors } from '#core/registry/ratings/errors.ts'
import { rateTransfer } from '#core/registry/ratings/rate-transfer.ts'
import { RatingIn, RatingOut } from '#core/registry/ratings/schema.ts'
import { tegErrors } from '#core/registry/teg-errors.ts'
import { transferErrors } from '#core/registry/transfers/errors.ts'
import { listTransfers } from '#core/registry/transfers/list-transfers.ts'
import { quoteTransfer } from '#core/registry/transfers/quote-transfer.ts'
import { readTransfer } from '#core/registry/transfers/read-transfer.ts'
import { refundTransfer } from '#core/registry/transfers/refund-transfer.ts'
import {
  BatchIn,
  BatchOut,
  QuoteOut,
  QuoteQuery,
  RefundIn,
  TransferIn,
  TransferOut,
  TransfersOut,
  TransfersQuery,
} from '#core/registry/transfers/schema.ts'
import { submitBatch } from '#core/registry/transfers/submit-batch.ts'
import { submitTransfer } from '#core/registry/transfers/submit-transfer.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'
import type { Transfer } from '#core/wire/teg.ts'

const { get, post } = rowsOf<RegistryContext>()
const location = (transfer: Transfer) => `/api/v1/transfers/${transfer.id}`

export default defineFunction<RegistryContext>({
  tag: 'transfers',
  bodyLimitBytes: 4 * 1024 * 1024,
  rows: [
    get(
      '/quote',
      {
        summary: 'Quote the fee of a transfer; the quote binds for fifteen minutes',
        callers: ['developer', 'agent'],
        scope: 'transfers:read',
        query: QuoteQuery,
        reply: QuoteOut,
        errors: [transferErrors, tegErrors],
      },
      ({ ctx, query }) => quoteTransfer(ctx, query),
    ),
    post(
      '/',
      {
        summary: 'Move AVT from one agent to another',
        callers: ['developer', 'agent'],
        scope: 'transfers:write',
        body: TransferIn,
        reply: TransferOut,
        status: 201,
        alsoStatus: [202],
        location,
        idempotency: 'gate',
        errors: [transferErrors, tegErrors],
      },
      ({ ctx, body }) => submitTransfer(ctx, body),
    ),
    post(
      '/batch',
      {
        summary: 'Move AVT up to a thousand times; each transfer is accepted or refused by itself',
        callers: ['developer', 'agent'],
        scope: 'transfers:write',
        body: BatchIn,
        reply: BatchOut,
        idempotency: 'gate',
        errors: [transferErrors, tegErrors],
      },
      ({ ctx, body }) => submitBatch(ctx, body),
    ),
    get(
      '/',
      {
        summary: 'List transfers of your agents, newest first; operators and auditors see all',
        callers: ['developer', 'agent', 'operator', 'auditor'],
        scope: 'transfers:read',
        query: TransfersQuery,
        reply: TransfersOut,
        errors: [transferErrors, tegErrors],
      },
      ({ ctx, query }) => listTransfers(ctx, query),
    ),
    get(
      '/:id',
      {
        summary: 'Read a transfer that one of your agents is a party of',
        callers: ['developer', 'agent', 'operator', 'auditor'],
        scope: 'transfers:read',
        params: IdPath,
        reply: TransferOut,
        errors: [transferErrors, tegErrors],
      },
      ({ ctx, params }) => readTransfer(ctx, params.id),
    ),
    post(
      '/:id/refund',
      {
        summary: 'Pay a transfer back, in whole or in part, as its payee',
        callers: ['developer', 'agent'],
        scope: 'transfers:write',
        params: IdPath,
        body: RefundIn,
        bodyOptional: true,
        reply: TransferOut,
        status: 201,
        alsoStatus: [202],
        location,
        idempotency: 'gate',
        errors: [transferErrors, tegErrors],
      },
      ({ ctx, params, body }) => refundTransfer(ctx, params.id, body),
    ),
    post(
      '/:id/rating',
      {
        summary: 'Rate a completed transfer, once, as its payer',
        callers: ['developer', 'agent'],
        scope: 'transfers:write',
        params: IdPath,
        body: RatingIn,
        reply: RatingOut,
        errors: [ratingErrors, tegErrors],
      },
      ({ ctx, params, body }) => rateTransfer(ctx, params.id, body),
    ),
  ],
})
