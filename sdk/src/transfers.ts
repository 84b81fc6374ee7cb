/** Moving AVT between agents. */
import type { RequestOptions, Transport } from './transport.ts'
import type { BatchItem, Page, PageQuery, Quote, Rating, Transfer, TransferOrder } from './wire.ts'

export const transfers = (client: Transport) => ({
  /** What a transfer would cost now; its quote_id holds that rate until valid_until. */
  quote: (query: { from_agent: string; to_agent: string; amount: string }) =>
    client.request<Quote>('GET', '/transfers/quote', { query }),
  /** Completed when local, pending when it crosses registries. The fee is taken out of the amount. */
  send: (body: TransferOrder, options?: RequestOptions) =>
    client.request<Transfer>('POST', '/transfers', { ...options, body }),
  /** Up to 1000 transfers, each with an outcome of its own, in order. */
  sendBatch: (orders: readonly (TransferOrder & { idempotency_key?: string })[], options?: RequestOptions) =>
    client.request<{ items: BatchItem[] }>('POST', '/transfers/batch', {
      ...options,
      body: { transfers: orders },
    }),
  list: (query?: PageQuery & { agent?: string; direction?: 'in' | 'out'; status?: Transfer['status'] }) =>
    client.request<Page<Transfer>>('GET', '/transfers', { query: { ...query } }),
  read: (id: string) => client.request<Transfer>('GET', `/transfers/${encodeURIComponent(id)}`),
  /** Pays back, as the payee: what is left of the net amount, or a part of it. */
  refund: (id: string, amount?: string, options?: RequestOptions) =>
    client.request<Transfer>('POST', `/transfers/${encodeURIComponent(id)}/refund`, {
      ...options,
      body: amount === undefined ? {} : { amount },
    }),
  /** As the payer, once, when the transfer is completed: 0 (worthless) to 1 (as promised). */
  rate: (id: string, score: number, comment?: string, options?: RequestOptions) =>
    client.request<Rating>('POST', `/transfers/${encodeURIComponent(id)}/rating`, {
      ...options,
      body: comment === undefined ? { score } : { score, comment },
    }),
})
