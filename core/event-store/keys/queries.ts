/** Statements of the log's keys and of the first head. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface KeyRow {
  purpose: 'log' | 'witness'
  name: string
  private_key: string
  verifier: string
}

/** One process at a time makes the keys. */
export const lockKeys = (tx: Transaction) =>
  tx.query(`select pg_advisory_xact_lock(hashtext('event_store.server_keys'))`)

export const listKeys = (on: Queryable) =>
  on.query<KeyRow>('select purpose, name, private_key, verifier from event_store.server_keys')

export const insertKey = (tx: Transaction, key: KeyRow, now: Date | null) =>
  tx.query(
    `insert into event_store.server_keys (purpose, name, private_key, verifier, created_at)
     values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()))`,
    [key.purpose, key.name, key.private_key, key.verifier, now],
  )

export async function findFirstHead(on: Queryable) {
  const rows = await on.query<{ origin: string; size: bigint; root: Uint8Array; checkpoint: string }>(
    'select origin, size, root, checkpoint from event_store.log_head',
  )
  return rows[0]
}

export const insertHead = (
  tx: Transaction,
  head: { origin: string; root: Uint8Array; checkpoint: string },
  now: Date | null,
) =>
  tx.query(
    `insert into event_store.log_head (origin, size, root, checkpoint, updated_at)
     values ($1, 0, $2, $3, coalesce($4::timestamptz, clock_timestamp()))`,
    [head.origin, head.root, head.checkpoint, now],
  )

/** Another key signs the head as it stands. */
export const replaceCheckpoint = (tx: Transaction, size: bigint, checkpoint: string, now: Date | null) =>
  tx.query(
    `update event_store.log_head set checkpoint = $2, updated_at = coalesce($3::timestamptz, clock_timestamp())
     where size = $1`,
    [size, checkpoint, now],
  )
