/** Statements of the journal: relay and readers. */
import { SALT_BYTES } from '#core/base/tlog/commitment.ts'
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface JournalRow {
  index: bigint
  type: string
  envelope: string
  audience: string[] | null
  parties: string[] | null
  /** Place in the EventStore's log; null until it was receipted. */
  ledgerindex: bigint | null
  /** Where policies let it go: 1 ledger, 2 webhooks, 4 live. */
  targets: number
}
export interface OutboxRow {
  position: bigint
  id: string
  type: string
  subject: string
  data: Record<string, unknown>
  audience: string[] | null
  occurred_at: Date
}
/** What the relay writes. */
export interface NewJournalRow {
  index: bigint
  id: string
  source: string
  sourcesequence: bigint
  type: string
  subject: string
  time: Date
  /** JSON on one line. */
  envelope: string
  audience: readonly string[] | null
  parties: readonly string[] | null
  salt: Uint8Array
  policyversion: number
  /** Sum of the policies' target bits. */
  targets: number
}

/**
 * One relay at a time gives indexes; the next statement's snapshot holds all that the one before has committed. It travels
 * with that statement, which is run behind it.
 */
export const lockJournal = (tx: Transaction) =>
  tx.later(`select pg_advisory_xact_lock(hashtext('registry.journal'))`, [], { keep: 'lock_journal' })

/** Takes the oldest rows out of the outbox, in their order. */
export async function takeOutbox(tx: Transaction, limit: number): Promise<OutboxRow[]> {
  const rows = await tx.query<OutboxRow>(
    `delete from registry.outbox where position in
       (select position from registry.outbox order by position limit $1)
     returning position, id, type, subject, data, audience, occurred_at`,
    [limit],
  )
  return rows.sort((a, b) => (a.position < b.position ? -1 : 1))
}

/** Moves the head by `count`, on the way to the commit. */
export const advanceHead = (tx: Transaction, count: number) =>
  tx.later('update registry.journal_head set index = index + $1::bigint', [count], { keep: 'advance_head' })

/** Moves a source by `count`, on the way to the commit. */
export const advanceSource = (tx: Transaction, service: string, count: number) =>
  tx.later(
    'update registry.journal_sources set sequence = sequence + $2::bigint where service = $1::text',
    [service, count],
    { keep: 'advance_source' },
  )

export async function findSource(on: Queryable, service: string) {
  const rows = await on.query<SourceRow>(
    'select incarnation, sequence, restored_reason from registry.journal_sources where service = $1',
    [service],
  )
  return rows[0] as SourceRow
}

export interface SourceRow {
  incarnation: string | null
  sequence: bigint
  /** An operator's word that its database was restored. */
  restored_reason: string | null
}

export const noteRestored = (tx: Transaction, service: string, reason: string) =>
  tx.query('update registry.journal_sources set restored_reason = $2 where service = $1', [service, reason])

/** Puts a source back to a number, of another incarnation: what comes behind it is another history. */
export const restartSource = (tx: Transaction, service: string, sequence: bigint, incarnation: string) =>
  tx.query(
    `update registry.journal_sources set sequence = $2, incarnation = $3, restored_reason = null
     where service = $1`,
    [service, sequence, incarnation],
  )

export const setIncarnation = (tx: Transaction, service: string, incarnation: string) =>
  tx.query('update registry.journal_sources set incarnation = $2 where service = $1', [service, incarnation])

/**
 * Writes rows, column by column: as one JSON document each envelope would be escaped and read letter by letter once more.
 * Envelopes travel as lines, since JSON has no line break within its texts, and salts as one run of bytes. All of it on the
 * way to the commit.
 */
export const insertJournal = (tx: Transaction, rows: readonly NewJournalRow[], now: Date | null) =>
  tx.later(
    `insert into registry.journal
       (index, id, source, sourcesequence, type, subject, time, envelope, audience, parties, salt, policyversion,
        targets, recorded_at)
     select r.index, r.id, r.source, r.sourcesequence, r.type, r.subject, r.time, r.envelope, r.audience::uuid[],
            r.parties::uuid[], substr($11::bytea, ((r.place - 1) * $15::integer + 1)::integer, $15::integer),
            r.policyversion, r.targets, coalesce($14::timestamptz, clock_timestamp())
     from unnest($1::bigint[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[],
       string_to_array($8::text, chr(10)), $9::text[], $10::text[], $12::integer[], $13::smallint[]) with ordinality
       as r(index, id, source, sourcesequence, type, subject, time, envelope, audience, parties, policyversion, targets,
         place)`,
    [
      listOf(rows, ({ index }) => index),
      listOf(rows, ({ id }) => id),
      rows.map(({ source }) => source),
      listOf(rows, ({ sourcesequence }) => sourcesequence),
      rows.map(({ type }) => type),
      rows.map(({ subject }) => subject),
      listOf(rows, ({ time }) => time.toISOString()),
      rows.map(({ envelope }) => envelope).join('\n'),
      rows.map(({ audience }) => audience && `{${audience.join(',')}}`),
      rows.map(({ parties }) => parties && `{${parties.join(',')}}`),
      Buffer.concat(rows.map(({ salt }) => salt)),
      listOf(rows, ({ policyversion }) => policyversion),
      listOf(rows, ({ targets }) => targets),
      now,
      SALT_BYTES,
    ],
    { keep: 'insert_journal' },
  )

/** A list whose values need no quotes, as PostgreSQL writes it. */
const listOf = <T>(rows: readonly T[], show: (row: T) => string | bigint | number) =>
  `{${rows.map(show).join(',')}}`

/** Documents by source and sequence. */
export const findEnvelopes = (
  on: Queryable,
  wanted: readonly { readonly source: string; readonly sequence: bigint }[],
) =>
  on.query<{ source: string; sourcesequence: bigint; envelope: string }>(
    `select j.source, j.sourcesequence, j.envelope from unnest($1::text[], $2::bigint[]) w(source, sequence)
     join registry.journal j on j.source = w.source and j.sourcesequence = w.sequence`,
    [wanted.map(({ source }) => source), wanted.map(({ sequence }) => String(sequence))],
  )

export async function findHead(on: Queryable): Promise<bigint> {
  const rows = await on.query<{ index: bigint }>('select index from registry.journal_head')
  return (rows[0] as { index: bigint }).index
}

/** Rows after an index, in order. A look-up for each of them: a join would read all receipts while the tables are young. */
export const listJournal = (on: Queryable, after: bigint, limit: number) =>
  on.query<JournalRow>(
    `select j.index, j.type, j.envelope, j.audience, j.parties, j.targets,
       (select l.ledgerindex from registry.ledger_receipts l
        where l.index = j.index and l.ledger = (select f.ledger from registry.forwarder f)) as ledgerindex
     from registry.journal j where j.index > $1 order by j.index limit $2`,
    [after, limit],
  )

/** Visible rows after an index and up to another one whose types match any of the expressions (null: all). */
export const listVisible = (
  on: Queryable,
  span: { after: bigint; upTo: bigint; limit: number },
  types: readonly string[] | null,
  viewer: { all: boolean; account: string | null; agent: string | null },
) =>
  on.query<{ index: bigint; envelope: string; ledgerindex: bigint | null }>(
    `select j.index, j.envelope, l.ledgerindex
     from registry.journal j left join registry.ledger_receipts l
       on l.index = j.index and l.ledger = (select f.ledger from registry.forwarder f)
     where j.index > $1 and j.index <= $2 and (j.targets & 4) <> 0 and ($4::text[] is null or j.type ~ any($4::text[]))
       and ($5::boolean or j.audience is null or j.audience @> array[$6::uuid] or j.parties @> array[$7::uuid])
     order by j.index limit $3`,
    [span.after, span.upTo, span.limit, types, viewer.all, viewer.account, viewer.agent],
  )

/** Stores a ticket and drops some that have expired. @returns when it expires */
export async function insertTicket(
  tx: Transaction,
  ticket: { hash: Uint8Array; sealed: string; seconds: number },
  now: Date | null,
): Promise<Date> {
  await tx.query(
    `delete from registry.event_tickets where ticket_hash in
       (select ticket_hash from registry.event_tickets
        where expires_at <= coalesce($1::timestamptz, clock_timestamp()) order by expires_at limit 100)`,
    [now],
  )
  const rows = await tx.query<{ expires_at: Date }>(
    `insert into registry.event_tickets (ticket_hash, sealed_credential, expires_at)
     values ($1, $2, coalesce($4::timestamptz, clock_timestamp()) + make_interval(secs => $3))
     returning expires_at`,
    [ticket.hash, ticket.sealed, ticket.seconds, now],
  )
  return (rows[0] as { expires_at: Date }).expires_at
}

/** Burns a ticket. @returns what it sealed, null when it is unknown, used or expired */
export async function takeTicket(on: Queryable, hash: Uint8Array, now: Date | null): Promise<string | null> {
  const rows = await on.query<{ sealed_credential: string; good: boolean }>(
    `delete from registry.event_tickets where ticket_hash = $1
     returning sealed_credential, expires_at > coalesce($2::timestamptz, clock_timestamp()) as good`,
    [hash, now],
  )
  return rows[0]?.good ? rows[0].sealed_credential : null
}
