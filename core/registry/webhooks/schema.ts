/** Shapes of webhooks and deliveries in requests and replies. */
import { z } from 'zod'
import { isPattern, PATTERNS_MAX } from '#core/base/pattern.ts'
import { PageOf, PageQuery, TimeOut, Uuid } from '#core/base/shapes.ts'
import { OVERLAP_SECONDS, OVERLAP_SECONDS_MAX } from './rules.ts'

const Url = z
  .string()
  .min(1)
  .max(2048)
  .meta({
    description: 'https, port 443 or 8443, on the public internet',
    examples: ['https://example.com/hook'],
  })
const Types = z
  .array(z.string().refine(isPattern, 'must be a pattern of event types, such as transfer.* or >'))
  .min(1)
  .max(PATTERNS_MAX)
  .meta({ examples: [['transfer.*']] })
const Description = z
  .string()
  .max(200)
  .regex(/^\P{Cc}*$/u, 'must not hold control characters')

export const CreateWebhookBody = z.strictObject({
  url: Url,
  types: Types,
  description: Description.nullable().optional(),
  /** True: an event is sent when the one before it has arrived or was given up. */
  ordered: z.boolean().optional(),
})
export type NewWebhook = z.output<typeof CreateWebhookBody>
export const ChangeWebhookBody = z.strictObject({
  url: Url.optional(),
  types: Types.optional(),
  description: Description.nullable().optional(),
  ordered: z.boolean().optional(),
  status: z.enum(['active', 'disabled']).optional(),
})
export type WebhookPatch = z.output<typeof ChangeWebhookBody>
export const RotateBody = z.strictObject({
  /** How long the former secret signs too; 0 ends it at once. */
  overlap_seconds: z.number().int().min(0).max(OVERLAP_SECONDS_MAX).default(OVERLAP_SECONDS),
})
const Index = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER)
export const ReplayBody = z.strictObject({ from: Index, to: Index })
export type Replay = z.output<typeof ReplayBody>

const publicKey = z.string().regex(/^whpk_[A-Za-z0-9+/]+=*$/)
export const Webhook = z.strictObject({
  id: Uuid,
  url: z.string(),
  types: z.array(z.string()),
  description: z.string().nullable(),
  ordered: z.boolean(),
  status: z.enum(['active', 'disabled']),
  /** Why, when, and at which index of the journal: a replay from there brings what was missed. */
  disabled: z
    .strictObject({
      reason: z.enum(['owner', 'gone', 'failing', 'backlog']),
      at: TimeOut,
      index: z.number().int(),
    })
    .nullable(),
  /** Verifies the signatures v1a. */
  public_key: publicKey,
  /** Until when the secret before the last rotation signs too. */
  former_secret_until: TimeOut.nullable(),
  /** Attempts that have failed since the last success. */
  failures: z.number().int(),
  failing_since: TimeOut.nullable(),
  /** Nothing is sent before: the breaker is open, or the endpoint has asked for a pause. */
  paused_until: TimeOut.nullable(),
  created_at: TimeOut,
  updated_at: TimeOut,
})
export type Webhook = z.infer<typeof Webhook>
/** The secret is given in the reply that makes it and never again. */
const secret = { secret: z.string().regex(/^whsec_[A-Za-z0-9+/]+=*$/) }
export const WebhookCreated = Webhook.extend(secret)
export const WebhookPage = PageOf(Webhook)

export const Attempt = z.strictObject({
  number: z.number().int(),
  at: TimeOut,
  duration_ms: z.number().int(),
  /** HTTP status of the answer; null: none came. */
  status: z.number().int().nullable(),
  /** http_3xx, http_4xx, http_5xx, gone, timed_out, unreachable, refused_address, refused_url; null: success. */
  error: z.string().nullable(),
  /** The beginning of a failing answer. */
  excerpt: z.string().nullable(),
})
export const Delivery = z.strictObject({
  id: Uuid,
  webhook: Uuid,
  /** The header webhook-id of every attempt. */
  event_id: Uuid,
  /** Index of the event in the journal; null for a test. */
  index: z.number().int().nullable(),
  type: z.string(),
  state: z.enum(['waiting', 'delivered', 'failed']),
  attempts: z.number().int(),
  next_attempt_at: TimeOut.nullable(),
  log: z.array(Attempt),
  created_at: TimeOut,
  finished_at: TimeOut.nullable(),
})
export type Delivery = z.infer<typeof Delivery>
export const DeliveryPage = PageOf(Delivery)
export const DeliveriesQuery = PageQuery.extend({
  state: z.enum(['waiting', 'delivered', 'failed']).optional(),
})
export type DeliveriesQuery = z.output<typeof DeliveriesQuery>
export const Replayed = z.strictObject({
  from: z.number().int(),
  to: z.number().int(),
  /** Deliveries that wait now because of it. */
  queued: z.number().int(),
})
