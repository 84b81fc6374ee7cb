/** Events of the EventStore: appending, reading back, the live tail, erasure. For sources' own registries only. */
import { z } from 'zod'
import { isPattern, PATTERNS_MAX } from '#core/base/pattern.ts'
import { PageQuery } from '#core/base/shapes.ts'
import type { EventStoreContext } from '#core/event-store/context.ts'
import { appendEvents } from '#core/event-store/log/append-events.ts'
import { eraseEventPayload } from '#core/event-store/log/erase-payload.ts'
import { logErrors } from '#core/event-store/log/errors.ts'
import { readSourceHead } from '#core/event-store/log/read-log.ts'
import { listStoredEvents } from '#core/event-store/read/list-events.ts'
import { openTail } from '#core/event-store/read/open-tail.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'
import * as wire from '#core/wire/event-store.ts'

const { get, post } = rowsOf<EventStoreContext>()
const inside = { callers: ['service', 'peer'], idempotency: 'none', uncounted: true } as const

const IndexIn = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,14})$/, 'must be an index of the log: a whole number')
  .transform(Number)
const Types = z
  .string()
  .max(4096)
  .transform((text) => text.split(','))
  .refine((patterns) => patterns.length <= PATTERNS_MAX && patterns.every(isPattern), {
    error: `must be at most ${PATTERNS_MAX} patterns of event types, comma separated`,
  })
const filters = { types: Types.optional(), source: wire.Source.optional() }
const WAIT_SECONDS_MAX = 25

const EventsQuery = PageQuery.extend({
  ...filters,
  /** The last index looked at before. `cursor` is a `next_cursor` and wins. */
  after: IndexIn.optional(),
  cursor: IndexIn.optional(),
  wait: z
    .string()
    .regex(/^\d{1,2}$/)
    .transform(Number)
    .refine((seconds) => seconds <= WAIT_SECONDS_MAX, `must be at most ${WAIT_SECONDS_MAX} seconds`)
    .default(0),
})

export default defineFunction<EventStoreContext>({
  tag: 'event-store-events',
  timeoutSeconds: 40,
  bodyLimitBytes: wire.APPEND_BYTES_MAX,
  rows: [
    post(
      '/',
      {
        ...inside,
        summary: 'Appends events of sources: all of them or none, each number once, in order',
        body: wire.AppendBatch,
        reply: wire.AppendReply,
        errors: [logErrors],
      },
      ({ ctx, body }) => appendEvents(ctx, body),
    ),
    get(
      '/',
      {
        ...inside,
        summary: "Events of the caller's own sources after an index; `wait` holds an empty page back",
        query: EventsQuery,
        reply: wire.StoredPage,
      },
      ({ ctx, query }) =>
        listStoredEvents(ctx, {
          after: query.cursor ?? query.after,
          types: query.types ?? null,
          source: query.source ?? null,
          limit: query.limit,
          waitSeconds: query.wait,
        }),
    ),
    get(
      '/stream',
      {
        ...inside,
        summary: 'The same as Server-Sent Events; resumes after Last-Event-ID',
        query: z.strictObject({ ...filters, after: IndexIn.optional() }),
        raw: 'text/event-stream',
      },
      ({ ctx, query, header }) => {
        const last = header('last-event-id')
        const after = last !== undefined && /^\d{1,15}$/.test(last) ? Number(last) : query.after
        const tail = openTail(ctx, { after, types: query.types ?? null, source: query.source ?? null })
        return new Response(tail, {
          headers: {
            'content-type': 'text/event-stream',
            'cache-control': 'no-store',
            'x-accel-buffering': 'no',
          },
        })
      },
    ),
    get(
      '/head',
      {
        ...inside,
        summary: 'The last number that a source has told',
        query: z.strictObject({ source: wire.Source }),
        reply: wire.SourceHead,
      },
      ({ ctx, query }) => readSourceHead(ctx, query.source),
    ),
    post(
      '/erasures',
      {
        ...inside,
        summary: 'Takes the document and salt of an event out of the log; the commitment and all proofs stay',
        body: z.strictObject({ index: wire.LogIndex, reason: z.string().min(3).max(500) }),
        reply: z.strictObject({ index: wire.LogIndex, erased: z.literal(true) }),
      },
      ({ ctx, body }) => eraseEventPayload(ctx, body),
    ),
  ],
})
