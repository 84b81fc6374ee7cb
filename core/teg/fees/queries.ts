/** Statements of the fee snapshots. */
import type { Queryable } from '#core/platform/database/database.ts'

export interface SnapshotRow {
  id: bigint
  settings_version: bigint
  base_ppm: number
  effective_ppm: number
  created_at: Date
}

/** The snapshot in force: the newest by settings_version. */
export async function readNewestSnapshot(db: Queryable): Promise<SnapshotRow> {
  const rows = await db.query<SnapshotRow>(
    `select s.id, s.settings_version, s.base_ppm, s.effective_ppm, s.created_at
     from teg.fee_snapshots s order by s.settings_version desc limit 1`,
  )
  return rows[0] as SnapshotRow
}

/** Snapshots below a version, the newest first. */
export function readSnapshots(db: Queryable, before: bigint | null, limit: number): Promise<SnapshotRow[]> {
  return db.query<SnapshotRow>(
    `select s.id, s.settings_version, s.base_ppm, s.effective_ppm, s.created_at
     from teg.fee_snapshots s where $1::bigint is null or s.settings_version < $1
     order by s.settings_version desc limit $2::integer`,
    [before, limit],
  )
}

/** Adds a snapshot unless that version or a newer one is there. */
export async function addSnapshot(
  db: Queryable,
  snapshot: { version: number; base: bigint; effective: bigint; time: Date | null },
): Promise<void> {
  await db.query(
    `insert into teg.fee_snapshots (settings_version, base_ppm, effective_ppm, created_at)
     select $1::bigint, $2::integer, $3::integer, coalesce($4::timestamptz, clock_timestamp())
     where not exists (select from teg.fee_snapshots s where s.settings_version >= $1)
     on conflict (settings_version) do nothing`,
    [snapshot.version, snapshot.base, snapshot.effective, snapshot.time],
  )
}
