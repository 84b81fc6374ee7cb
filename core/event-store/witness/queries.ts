/** Statements of the witness. */
import type { Queryable } from '#core/platform/database/database.ts'

export async function findWitnessed(on: Queryable, origin: string) {
  const rows = await on.query<{ size: bigint; root: Uint8Array }>(
    'select size, root from event_store.witnessed_logs where origin = $1',
    [origin],
  )
  return rows[0]
}

/**
 * Records a checkpoint if the one before still is what it was checked against, in one statement.
 * @returns false when another request has moved it
 */
export async function moveWitnessed(
  on: Queryable,
  next: { origin: string; size: number; root: Uint8Array; checkpoint: string },
  before: { size: number; root: Uint8Array } | null,
  now: Date | null,
): Promise<boolean> {
  const values = [next.origin, next.size, next.root, next.checkpoint, now]
  const rows = before
    ? await on.query(
        `update event_store.witnessed_logs set size = $2, root = $3, checkpoint = $4,
           cosigned_at = coalesce($5::timestamptz, clock_timestamp())
         where origin = $1 and size = $6 and root = $7 returning size`,
        [...values, before.size, before.root],
      )
    : await on.query(
        `insert into event_store.witnessed_logs (origin, size, root, checkpoint, cosigned_at)
         values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()))
         on conflict (origin) do nothing returning size`,
        values,
      )
  return rows.length === 1
}
