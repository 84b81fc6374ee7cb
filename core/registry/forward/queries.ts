/** Statements of the forwarder. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface ForwarderRow {
  index: bigint
  /** Counts the EventStores that the whole journal was told to. */
  ledger: number
  origin: string | null
  size: bigint | null
  root: Uint8Array | null
}

export async function findForwarder(on: Queryable): Promise<ForwarderRow> {
  const rows = await on.query<ForwarderRow>(
    'select index, ledger, origin, size, root from registry.forwarder',
  )
  return rows[0] as ForwarderRow
}

export interface UnsentRow {
  index: bigint
  id: string
  source: string
  sourcesequence: bigint
  envelope: string
  salt: Uint8Array
  time: Date
  policyversion: number
  targets: number
  /** True where source and number are others than the document says: it was journaled under used ones. */
  retold: boolean
}

/** Rows after an index as far as their documents have so many bytes together; always one, where there is one. */
export const listUnsent = (on: Queryable, after: bigint, limit: number, bytesMax: number) =>
  on.query<UnsentRow>(
    `select r.index, r.id, coalesce(n.source, r.source) as source,
       coalesce(n.sourcesequence, r.sourcesequence) as sourcesequence, r.envelope, r.salt, r.time, r.policyversion,
       r.targets, n.index is not null as retold
     from (select j.index, j.id, j.source, j.sourcesequence, j.envelope, j.salt, j.time,
             j.policyversion, j.targets, sum(octet_length(j.envelope)) over (order by j.index rows unbounded preceding) as bytes
           from registry.journal j where j.index > $1 and j.index <= $1 + $2::bigint) r
     left join (select distinct on (t.index) t.index, t.source, t.sourcesequence from registry.journal_retold t
       where t.index > $1 and t.index <= $1 + $2::bigint order by t.index, t.life desc) n on n.index = r.index
     where r.bytes <= $3 or r.index = $1 + 1 order by r.index`,
    [after, limit, bytesMax],
  )

export interface NewReceipt {
  readonly index: bigint
  readonly ledgerindex: number
  readonly leafHash: Uint8Array
}

const LEAF_BYTES = 32

/** Keeps receipts; one that is there already is the same one. Leaves travel as one run of bytes. */
export const insertReceipts = (
  tx: Transaction,
  ledger: number,
  receipts: readonly NewReceipt[],
  now: Date | null,
) =>
  tx.query(
    `insert into registry.ledger_receipts (index, ledger, ledgerindex, leaf_hash, received_at)
     select r.index, $3::integer, r.ledgerindex, substr($4::bytea, ((r.place - 1) * ${LEAF_BYTES} + 1)::integer, ${LEAF_BYTES}),
       coalesce($5::timestamptz, clock_timestamp())
     from unnest($1::bigint[], $2::bigint[]) with ordinality as r(index, ledgerindex, place)
     on conflict (index, ledger) do nothing`,
    [
      receipts.map(({ index }) => index),
      receipts.map(({ ledgerindex }) => String(ledgerindex)),
      ledger,
      Buffer.concat(receipts.map(({ leafHash }) => leafHash)),
      now,
    ],
  )

/** @returns false when the journal is told to another EventStore by now */
export async function moveForwarder(tx: Transaction, ledger: number, index: bigint): Promise<boolean> {
  const rows = await tx.query(
    `update registry.forwarder set index = greatest(index, $2), refused_index = null where ledger = $1
     returning index`,
    [ledger, index],
  )
  return rows.length === 1
}

/** Notes that the EventStore holds other content under the number of the row behind the forwarder's place. */
export const markRefused = (on: Queryable, ledger: number, index: bigint) =>
  on.query('update registry.forwarder set refused_index = $2 where ledger = $1 and index = $2::bigint - 1', [
    ledger,
    index,
  ])

/** Begins anew, with nothing told. @returns where it stood */
export async function beginLedger(tx: Transaction) {
  const rows = await tx.query<{ ledger: number; index: bigint; origin: string | null; size: bigint | null }>(
    `update registry.forwarder f set ledger = f.ledger + 1, index = 0, refused_index = null, checkpoint = null,
       origin = null, size = null, root = null
     from (select ledger, index, origin, size from registry.forwarder for update) b
     returning b.ledger, b.index, b.origin, b.size`,
  )
  return rows[0] as NonNullable<(typeof rows)[0]>
}

/** Keeps a checkpoint that was shown to add to the one before; an older one of a slower process changes nothing. */
export const keepCheckpoint = (
  on: Queryable,
  seen: { checkpoint: string; origin: string; size: number; root: Uint8Array },
) =>
  on.query(
    `update registry.forwarder set checkpoint = $1, origin = $2, size = $3, root = $4
     where size is null or size <= $3`,
    [seen.checkpoint, seen.origin, seen.size, seen.root],
  )

/** Rows that wait, and since when the oldest does; for metrics. */
export async function findLag(on: Queryable): Promise<{ waiting: bigint; since: Date | null }> {
  const rows = await on.query<{ waiting: bigint; since: Date | null }>(
    `select h.index - f.index as waiting,
       (select j.recorded_at from registry.journal j where j.index = f.index + 1) as since
     from registry.journal_head h cross join registry.forwarder f`,
  )
  return rows[0] as { waiting: bigint; since: Date | null }
}
