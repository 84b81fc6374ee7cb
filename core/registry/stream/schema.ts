/** Shapes of events as readers see them, of their queries and of tickets. */
import { z } from 'zod'
import { isPattern, PATTERNS_MAX } from '#core/base/pattern.ts'
import { PageOf, PageQuery, TimeOut, Uuid } from '#core/base/shapes.ts'

/** An index of the journal in a query: a whole number, 0 for the beginning. */
const IndexIn = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,14})$/, 'must be an index of the journal: a whole number')
  .transform(BigInt)

const Types = z
  .string()
  .max(4096)
  .transform((text) => text.split(','))
  .refine((patterns) => patterns.length <= PATTERNS_MAX, `must be at most ${PATTERNS_MAX} patterns`)
  .refine(
    (patterns) => patterns.every(isPattern),
    'must be patterns of event types, comma separated, such as transfer.*,agent.>',
  )
  .meta({ description: 'Patterns of event types, comma separated: `*` is one token, a final `>` the rest' })

/** Query of GET /events: events after an index. `cursor` is a `next_cursor`; it wins over `after`. */
export const EventsQuery = PageQuery.extend({
  after: IndexIn.optional(),
  cursor: IndexIn.optional(),
  types: Types.optional(),
})

/** Query of GET /events/stream. Last-Event-ID wins over `after`; without both, only new events come. */
export const StreamQuery = z.strictObject({ after: IndexIn.optional(), types: Types.optional() })

/** A CloudEvents 1.0 document; unknown attributes are extensions. */
export const CloudEvent = z.looseObject({
  specversion: z.literal('1.0'),
  id: Uuid,
  source: z.string(),
  type: z.string(),
  subject: z.string(),
  time: TimeOut,
  datacontenttype: z.literal('application/json'),
  /** Number of the event within its source, from 1 without gaps. */
  sourcesequence: z.string().regex(/^[1-9][0-9]*$/),
  /** Version of the emission policies that it was written under. */
  policyversion: z.number().int().optional(),
  /** JSON pointers into data, separated by spaces, of what a policy has taken out or hashed. */
  redacted: z.string().optional(),
  /** It stands for so many of its kind, where a policy samples. */
  sampledrate: z.number().int().optional(),
  data: z.record(z.string(), z.unknown()),
  /** Place in the log of the EventStore, once it has receipted the event. */
  ledgerindex: z.number().int().min(0).optional(),
})

/** An event with its place in this registry's journal. */
export const EventItem = z.strictObject({ index: z.number().int().min(1), event: CloudEvent })
export const EventPage = PageOf(EventItem)
export type EventPage = z.infer<typeof EventPage>

export const EventTypePage = PageOf(z.strictObject({ type: z.string(), description: z.string() }))

/** A ticket opens one WebSocket: /ws/events?ticket=... */
export const Ticket = z.strictObject({
  ticket: z.string().regex(/^nft_[A-Za-z0-9_-]{43}$/),
  /** Seconds. */
  expires_in: z.number().int(),
})
export type Ticket = z.infer<typeof Ticket>

/** A reactor of this registry and where it stands in the journal. */
export const Reactor = z.strictObject({
  name: z.string(),
  /** The last index that it has dealt with. */
  index: z.number().int(),
  head: z.number().int(),
  /** Failed attempts at the event after `index`, and when the next one is. */
  attempts: z.number().int(),
  next_attempt_at: TimeOut.nullable(),
  /** Events given up on. */
  parked: z.number().int(),
  updated_at: TimeOut,
})
export type Reactor = z.infer<typeof Reactor>
export const ReactorPage = PageOf(Reactor)
export const ReactorPath = z.strictObject({
  name: z.string().regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/),
})
export const ParkedPath = ReactorPath.extend({ index: IndexIn })
export const ParkedEvent = z.strictObject({
  index: z.number().int(),
  type: z.string(),
  subject: z.string(),
  error: z.string(),
  attempts: z.number().int(),
  parked_at: TimeOut,
  /** It is tried again as soon as the reactor has a turn. */
  replay_at: TimeOut.nullable(),
})
export type ParkedEvent = z.infer<typeof ParkedEvent>
export const ParkedPage = PageOf(ParkedEvent)
export const ParkedQuery = PageQuery.extend({ cursor: IndexIn.optional() })
/** The first index that the reactor takes again. */
export const ReplayFromBody = z.strictObject({ from: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })
export const ReplayOut = z.strictObject({ replayed: z.number().int() })

/** Why an operator does it; it stands in the audit trail, and after a restore in the event. */
export const ReasonBody = z.strictObject({ reason: z.string().trim().min(3).max(500) })
/** Where the journal stands, and how far the EventStore has been told of it. */
export const JournalState = z.strictObject({
  head: z.int().min(0),
  /** What stands behind # in its sources; empty before the first restore. */
  incarnation: z.string(),
  /** True while a new life is about to begin with the next turn of the relay. */
  restoring: z.boolean(),
  ledger: z.strictObject({
    /** Everything up to it has its receipt. */
    index: z.int().min(0),
    /** How many EventStores were told the whole journal before this one. */
    former: z.int().min(0),
    origin: z.string().nullable(),
    size: z.int().nullable(),
    /** The index whose number the EventStore holds with other content. */
    refused: z.int().nullable(),
  }),
})
export type JournalState = z.infer<typeof JournalState>
