/** What a registry and an EventStore say to each other. */
import { z } from 'zod'

/** Events of one append request. */
export const APPEND_MAX = 1000
/** Bytes of one document; an offline proof needs only its hash. */
export const PAYLOAD_BYTES_MAX = 1024 * 1024
/** Bytes of one append request. */
export const APPEND_BYTES_MAX = 16 * 1024 * 1024

const PRINTABLE = 'must be printable ASCII without blanks'
export const Source = z
  .string()
  .regex(/^\/[\x21-\x7e]{1,254}$/, `${PRINTABLE}, beginning with /, at most 255 characters`)
  .meta({ description: '/registries/<name>/<service>; after a restore with #<incarnation>' })
export const SequenceIn = z
  .string()
  .regex(/^[1-9][0-9]{0,17}$/, 'must be a number from 1')
  .transform(BigInt)
export const SequenceOut = z.string().regex(/^[1-9][0-9]{0,17}$/)
const EventId = z.string().regex(/^[\x21-\x7e]{1,128}$/, `${PRINTABLE}, at most 128 characters`)
const Salt = z.string().regex(/^[A-Za-z0-9_-]{21}[AQgw]$/, 'must be 16 bytes in base64url')
/** 32 bytes. */
export const HashOut = z.string().regex(/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/)
export const LogIndex = z.int().min(0)

export const EventIn = z.strictObject({
  source: Source,
  sequence: SequenceIn,
  id: EventId,
  salt: Salt,
  payload: z.string().min(2).max(PAYLOAD_BYTES_MAX).meta({
    description:
      'The CloudEvents document, byte for byte as it was hashed: its id and source are those beside it',
  }),
})
export const AppendBatch = z.strictObject({ events: z.array(EventIn).min(1).max(APPEND_MAX) })
export type AppendBatch = z.output<typeof AppendBatch>

export const Receipt = z.strictObject({
  source: Source,
  sequence: SequenceOut,
  /** Place in the log, from 0. */
  index: LogIndex,
  /** The hash of the entry as a leaf of the tree, base64. */
  leaf_hash: HashOut,
  /** True: it was there before, and this is the first receipt again. */
  duplicate: z.boolean(),
})
export type Receipt = z.output<typeof Receipt>
export const AppendReply = z.strictObject({
  receipts: z.array(Receipt),
  /** A signed note that covers all of them. */
  checkpoint: z.string(),
})
export type AppendReply = z.output<typeof AppendReply>

export const LogInfo = z.strictObject({
  origin: z.string(),
  size: LogIndex,
  root: HashOut,
  /** The key that verifies checkpoints: trust it because its owner told you, not because it stands here. */
  key: z.string(),
  /** The key of this log's witness. */
  witness_key: z.string(),
})
export type LogInfo = z.output<typeof LogInfo>

export const SourceHead = z.strictObject({
  source: Source,
  /** Number of the last event; "0": none yet. */
  last_sequence: z.string().regex(/^(0|[1-9][0-9]{0,17})$/),
  next_expected: SequenceOut,
  /** Place of the last event in the log. */
  index: LogIndex.nullable(),
})
export type SourceHead = z.output<typeof SourceHead>

export const InclusionProof = z.strictObject({
  index: LogIndex,
  size: LogIndex,
  leaf_hash: HashOut,
  root: HashOut,
  proof: z.array(HashOut),
})
export type InclusionProof = z.output<typeof InclusionProof>
export const ConsistencyProof = z.strictObject({
  first: LogIndex,
  second: LogIndex,
  first_root: HashOut,
  second_root: HashOut,
  proof: z.array(HashOut),
})
export type ConsistencyProof = z.output<typeof ConsistencyProof>

/** An event as its own source may read it back. */
export const StoredEvent = z.strictObject({
  index: LogIndex,
  source: Source,
  sequence: SequenceOut,
  id: EventId,
  type: z.string(),
  recorded_at: z.iso.datetime(),
  /** SHA-256 over salt and payload, base64. */
  payload_hash: HashOut,
  /** Null once erased; the commitment stays. */
  salt: z.string().nullable(),
  payload: z.string().nullable(),
})
export type StoredEvent = z.output<typeof StoredEvent>
export const StoredPage = z.strictObject({
  items: z.array(StoredEvent),
  /** The last index LOOKED AT, not the last one given: go on `after` it. Null: nothing was there to look at. */
  scanned_to: LogIndex.nullable(),
  /** Null once the end was reached. */
  next_cursor: z.string().nullable(),
  size: LogIndex,
})
export type StoredPage = z.output<typeof StoredPage>

export const Audit = z.strictObject({
  size: LogIndex,
  /** Recomputed from the entries. */
  root: HashOut,
  /** As the head says. */
  signed_root: HashOut,
  /** Entries whose document was erased. */
  erased: z.int().min(0),
  intact: z.boolean(),
  /** What does not fit, in words; at most 100. */
  faults: z.array(z.string()),
})
export type Audit = z.output<typeof Audit>
