/** Events: the journal by index, its live stream, tickets for browsers' WebSockets. */
import { Reply } from '#core/base/reply.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { policyErrors } from '#core/registry/policies/errors.ts'
import { readPolicies } from '#core/registry/policies/read-policies.ts'
import { replacePolicies } from '#core/registry/policies/replace-policies.ts'
import { DryRunIn, DryRunOut, PoliciesIn, PoliciesOut } from '#core/registry/policies/schema.ts'
import { tryPolicies } from '#core/registry/policies/try-policies.ts'
import { streamErrors } from '#core/registry/stream/errors.ts'
import { issueTicket } from '#core/registry/stream/issue-ticket.ts'
import { listEventTypes } from '#core/registry/stream/list-event-types.ts'
import { listEvents } from '#core/registry/stream/list-events.ts'
import { openEventStream } from '#core/registry/stream/open-event-stream.ts'
import { EventPage, EventsQuery, EventTypePage, StreamQuery, Ticket } from '#core/registry/stream/schema.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post, put } = rowsOf<RegistryContext>()
const readers = ['developer', 'agent', 'operator', 'auditor'] as const
const bearerOf = (authorization: string | undefined) => authorization?.replace(/^Bearer +/i, '') ?? ''

export default defineFunction<RegistryContext>({
  tag: 'events',
  rows: [
    get(
      '/',
      {
        summary:
          'Events after an index, as far as the caller may see them; Events-Scanned-To tells where to go on',
        callers: readers,
        scope: 'events:read',
        query: EventsQuery,
        reply: EventPage,
      },
      ({ ctx, query }) =>
        listEvents(ctx, {
          after: query.cursor ?? query.after ?? 0n,
          types: query.types ?? null,
          limit: query.limit,
        }),
    ),
    get(
      '/types',
      {
        summary: 'The types of events, with a sentence each',
        callers: readers,
        scope: 'events:read',
        reply: EventTypePage,
      },
      () => listEventTypes(),
    ),
    get(
      '/policies',
      {
        summary: 'The emission policies in force, and the floor that none of them reaches',
        callers: ['operator'],
        reply: PoliciesOut,
      },
      ({ ctx }) => readPolicies(ctx),
    ),
    put(
      '/policies',
      {
        summary: 'Replace the emission policies; `version` guards against a change in between',
        callers: ['operator'],
        body: PoliciesIn,
        reply: PoliciesOut,
        errors: [policyErrors],
      },
      ({ ctx, body }) => replacePolicies(ctx, body.policies, body.version),
    ),
    post(
      '/policies/dry-run',
      {
        summary: 'What a set of policies would have done to the newest events',
        callers: ['operator'],
        body: DryRunIn,
        reply: DryRunOut,
        idempotency: 'none',
        errors: [policyErrors],
      },
      ({ ctx, body }) => tryPolicies(ctx, body.policies, body.last),
    ),
    get(
      '/stream',
      {
        summary: 'Live events as Server-Sent Events; resumes after Last-Event-ID',
        callers: readers,
        scope: 'events:read',
        query: StreamQuery,
        raw: 'text/event-stream',
        errors: [streamErrors],
      },
      async ({ ctx, query, header, request }) => {
        const headers = {
          'content-type': 'text/event-stream',
          'cache-control': 'no-store',
          'x-accel-buffering': 'no',
        }
        if (request.method === 'HEAD') return new Response(null, { headers })
        const stream = await openEventStream(ctx, {
          after: query.after,
          lastEventId: header('last-event-id'),
          types: query.types ?? null,
          credential: bearerOf(header('authorization')),
        })
        return new Response(stream, { headers })
      },
    ),
    post(
      '/ticket',
      {
        summary: 'A single-use ticket of 30 seconds that opens /ws/events?ticket=...',
        callers: readers,
        scope: 'events:read',
        reply: Ticket,
        idempotency: 'none',
      },
      async ({ ctx, header }) => new Reply(await issueTicket(ctx, bearerOf(header('authorization')))),
    ),
  ],
})
