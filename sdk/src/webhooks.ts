/** Webhooks: events sent to an address of yours, what was delivered, what shall be sent again. */
import type { RequestOptions, Transport } from './transport.ts'
import type { Delivery, NewWebhook, Page, PageQuery, Webhook, WebhookPatch } from './wire.ts'

const at = (webhook: string, rest = '') => `/webhooks/${encodeURIComponent(webhook)}${rest}`

export const webhooks = (client: Transport) => ({
  /** The secret (`whsec_...`) is in this reply and in none that comes later. */
  create: (body: NewWebhook, options?: RequestOptions) =>
    client.request<Webhook & { secret: string }>('POST', '/webhooks', { ...options, body }),
  list: (query?: PageQuery) => client.request<Page<Webhook>>('GET', '/webhooks', { query: { ...query } }),
  read: (webhook: string) => client.request<Webhook>('GET', at(webhook)),
  /** Also disables it and makes it active again. */
  change: (webhook: string, body: WebhookPatch) => client.request<Webhook>('PATCH', at(webhook), { body }),
  remove: (webhook: string) => client.request<void>('DELETE', at(webhook)),
  /** Sends a test at once; the delivery tells what came of it. */
  test: (webhook: string) => client.request<Delivery>('POST', at(webhook, '/test')),
  /** A new secret; the former one signs too for `overlapSeconds` (a day by default). */
  rotateSecret: (webhook: string, overlapSeconds?: number, options?: RequestOptions) =>
    client.request<Webhook & { secret: string }>('POST', at(webhook, '/rotate-secret'), {
      ...options,
      body: overlapSeconds === undefined ? {} : { overlap_seconds: overlapSeconds },
    }),
  deliveries: (webhook: string, query?: PageQuery & { state?: Delivery['state'] }) =>
    client.request<Page<Delivery>>('GET', at(webhook, '/deliveries'), { query: { ...query } }),
  /** Sends a delivery again, under the same webhook-id. */
  retry: (delivery: string, options?: RequestOptions) =>
    client.request<Delivery>('POST', at('deliveries', `/${encodeURIComponent(delivery)}/retry`), {
      ...options,
    }),
  /** Sends the events of a range of the journal, both ends included, again or for the first time. */
  replay: (webhook: string, range: { from: number; to: number }, options?: RequestOptions) =>
    client.request<{ from: number; to: number; queued: number }>('POST', at(webhook, '/replay'), {
      ...options,
      body: range,
    }),
})
