/** Shapes of quotes, transfers, batches and refunds. */
import { z } from 'zod'
import { AgentRef, AmountIn, AmountOut, PageOf, PageQuery, RateOut, TimeOut } from '#core/base/shapes.ts'
import { IdempotencyKey, Transfer } from '#core/wire/teg.ts'

export const BATCH_MAX = 1000

const transferFields = {
  from_agent: AgentRef,
  to_agent: AgentRef,
  /** The range (0.0001 to 9007199254.740991) is judged by the gate, as 422. */
  amount: AmountIn,
  memo: z.string().max(500).nullish(),
  reference: z.string().max(200).nullish(),
  /** From GET /transfers/quote; without one the newest fee rate counts. */
  quote_id: z.string().min(1).max(4096).nullish(),
}

export const TransferIn = z.strictObject(transferFields)
export type TransferIn = z.output<typeof TransferIn>

export const BatchItemIn = z.strictObject({ ...transferFields, idempotency_key: IdempotencyKey.nullish() })
export const BatchIn = z.strictObject({ transfers: z.array(BatchItemIn).min(1).max(BATCH_MAX) })
export type BatchIn = z.output<typeof BatchIn>

export const TransferOut = Transfer.meta({ id: 'Transfer' })

export const BatchItemOut = z.strictObject({
  index: z.int().min(0),
  status: z.enum(['completed', 'pending', 'refused']),
  transfer: TransferOut.optional(),
  error: z.strictObject({ code: z.string(), detail: z.string() }).optional(),
})
export type BatchItemOut = z.output<typeof BatchItemOut>
export const BatchOut = z.strictObject({ items: z.array(BatchItemOut) })
export type BatchOut = z.output<typeof BatchOut>

export const QuoteQuery = z.strictObject({ from_agent: AgentRef, to_agent: AgentRef, amount: AmountIn })
export type QuoteQuery = z.output<typeof QuoteQuery>

export const QuoteOut = z
  .strictObject({
    quote_id: z.string(),
    amount: AmountOut,
    fee_rate: RateOut,
    fee: AmountOut,
    net: AmountOut,
    route: z.enum(['local', 'cross_registry']),
    valid_until: TimeOut,
  })
  .meta({ id: 'Quote' })
export type QuoteOut = z.output<typeof QuoteOut>

export const TransfersQuery = PageQuery.extend({
  agent: AgentRef.optional(),
  direction: z.enum(['in', 'out']).optional(),
  status: z.enum(['pending', 'completed', 'failed']).optional(),
})
export type TransfersQuery = z.output<typeof TransfersQuery>
export const TransfersOut = PageOf(TransferOut)

/** Without amount: all that is left of the transfer's net. */
export const RefundIn = z.strictObject({ amount: AmountIn.nullish() })
export type RefundIn = z.output<typeof RefundIn>
