/** Statements of the recorded replies. */
import type { Transaction } from '#core/platform/database/database.ts'

/** Bounds the waits for locks of what follows in this transaction; 0 lifts the bound. */
export const boundLockWait = (tx: Transaction, milliseconds: number) =>
  tx.later(`select set_config('lock_timeout', $1::text, true)`, [`${milliseconds}ms`], {
    keep: 'bound_lock_wait',
  })

/** Claims a key; waits for a rival's open transaction. @returns true when it is ours now */
export async function insertClaim(
  tx: Transaction,
  claim: { principal: string; key: string; hash: string; time: Date | null },
): Promise<boolean> {
  const rows = await tx.query(
    `insert into registry.idempotency (principal, key, request_hash, created_at)
     values ($1::text, $2::text, $3::text, coalesce($4::timestamptz, clock_timestamp()))
     on conflict (principal, key) do nothing returning key`,
    [claim.principal, claim.key, claim.hash, claim.time],
    { keep: 'insert_claim' },
  )
  return rows.length === 1
}

export const findRecord = async (tx: Transaction, principal: string, key: string) =>
  (
    await tx.query<{ request_hash: string; body: string | null }>(
      'select request_hash, body from registry.idempotency where principal = $1 and key = $2',
      [principal, key],
    )
  )[0]

/** On the way to the commit. */
export const updateRecord = (tx: Transaction, principal: string, key: string, body: string) =>
  tx.later('update registry.idempotency set body = $3 where principal = $1 and key = $2', [
    principal,
    key,
    body,
  ])

/** Forgets the recorded replies of a caller (a deleted account). */
export const deleteRecords = (tx: Transaction, principal: string) =>
  tx.query('delete from registry.idempotency where principal = $1', [principal])

/** Drops records after 48 hours; callers are promised 24. */
export const sweepRecords = (tx: Transaction, limit: number, time: Date | null) =>
  tx.query(
    `delete from registry.idempotency where (principal, key) in (
       select principal, key from registry.idempotency
       where created_at < coalesce($2::timestamptz, clock_timestamp()) - interval '48 hours' limit $1
       for update skip locked)
     returning key`,
    [limit, time],
  )
