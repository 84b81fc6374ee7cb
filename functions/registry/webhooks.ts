/** Rows of /webhooks: endpoints that are told of events, what was delivered to them, and what shall be sent again. */
import { IdPath, PageQuery } from '#core/base/shapes.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { changeWebhook, deleteWebhook, rotateSecret } from '#core/registry/webhooks/change-webhook.ts'
import { createWebhook } from '#core/registry/webhooks/create-webhook.ts'
import { webhookErrors } from '#core/registry/webhooks/errors.ts'
import { listDeliveries } from '#core/registry/webhooks/list-deliveries.ts'
import { listWebhooks, readWebhook } from '#core/registry/webhooks/list-webhooks.ts'
import { replayEvents, retryDelivery } from '#core/registry/webhooks/replay-events.ts'
import {
  ChangeWebhookBody,
  CreateWebhookBody,
  DeliveriesQuery,
  Delivery,
  DeliveryPage,
  ReplayBody,
  Replayed,
  RotateBody,
  Webhook,
  WebhookCreated,
  WebhookPage,
} from '#core/registry/webhooks/schema.ts'
import { testWebhook } from '#core/registry/webhooks/test-webhook.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post, patch, delete: remove } = rowsOf<RegistryContext>()
const callers = ['developer', 'operator'] as const
const reading = { callers, scope: 'webhooks:read', errors: [webhookErrors] } as const
const writing = { callers, scope: 'webhooks:write', errors: [webhookErrors] } as const

export default defineFunction<RegistryContext>({
  tag: 'webhooks',
  bodyLimitBytes: 64 * 1024,
  rows: [
    get(
      '/',
      { summary: 'Your webhooks, newest first', ...reading, query: PageQuery, reply: WebhookPage },
      ({ ctx, query }) => listWebhooks(ctx, query),
    ),
    post(
      '/',
      {
        summary: 'Make a webhook: events of these types are sent to this address; the secret is shown once',
        ...writing,
        body: CreateWebhookBody,
        reply: WebhookCreated,
        status: 201,
        location: (webhook: { id: string }) => `/api/v1/webhooks/${webhook.id}`,
      },
      ({ ctx, body }) => createWebhook(ctx, body),
    ),
    post(
      '/deliveries/:id/retry',
      {
        summary: 'Send a delivery again, as a new round of attempts under the same webhook-id',
        ...writing,
        params: IdPath,
        reply: Delivery,
      },
      ({ ctx, params }) => retryDelivery(ctx, params.id),
    ),
    get('/:id', { summary: 'A webhook', ...reading, params: IdPath, reply: Webhook }, ({ ctx, params }) =>
      readWebhook(ctx, params.id),
    ),
    patch(
      '/:id',
      {
        summary: 'Change a webhook, disable it or make it active again',
        ...writing,
        params: IdPath,
        body: ChangeWebhookBody,
        reply: Webhook,
      },
      ({ ctx, params, body }) => changeWebhook(ctx, params.id, body),
    ),
    remove(
      '/:id',
      { summary: 'Delete a webhook with its deliveries', ...writing, params: IdPath },
      ({ ctx, params }) => deleteWebhook(ctx, params.id),
    ),
    post(
      '/:id/test',
      {
        summary: 'Send a test event at once and tell what came of it',
        ...writing,
        params: IdPath,
        reply: Delivery,
        idempotency: 'none',
      },
      ({ ctx, params }) => testWebhook(ctx, params.id),
    ),
    post(
      '/:id/rotate-secret',
      {
        summary: 'Make a new secret, shown once; the former one signs too for a while (24 h)',
        ...writing,
        params: IdPath,
        body: RotateBody,
        bodyOptional: true,
        reply: WebhookCreated,
      },
      ({ ctx, params, body }) => rotateSecret(ctx, params.id, body.overlap_seconds),
    ),
    get(
      '/:id/deliveries',
      {
        summary: 'Deliveries with their attempts, newest first',
        ...reading,
        params: IdPath,
        query: DeliveriesQuery,
        reply: DeliveryPage,
      },
      ({ ctx, params, query }) => listDeliveries(ctx, params.id, query),
    ),
    post(
      '/:id/replay',
      {
        summary: 'Send the events of a range of journal indexes again, or for the first time',
        ...writing,
        params: IdPath,
        body: ReplayBody,
        reply: Replayed,
      },
      ({ ctx, params, body }) => replayEvents(ctx, params.id, body),
    ),
  ],
})
