/** Statements of the quarantine. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface QuarantineRow {
  id: string
  spiffe_id: string
  reason: string
  actor: string
  created_at: Date
}

/** One change at a time, so that the bound holds. */
export const lockQuarantine = (tx: Transaction) =>
  tx.query(`select pg_advisory_xact_lock(hashtext('registry.quarantine'))`)

export async function countQuarantined(on: Queryable): Promise<number> {
  const rows = await on.query<{ count: number }>('select count(*)::int4 as count from registry.quarantine')
  return rows[0]?.count ?? 0
}

/** Null: it is there already. */
export async function insertQuarantine(
  tx: Transaction,
  row: { id: string; spiffeId: string; reason: string; actor: string },
  time: Date | null,
): Promise<QuarantineRow | null> {
  const rows = await tx.query<QuarantineRow>(
    `insert into registry.quarantine (id, spiffe_id, reason, actor, created_at)
     values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()))
     on conflict (spiffe_id) do nothing
     returning id, spiffe_id, reason, actor, created_at`,
    [row.id, row.spiffeId, row.reason, row.actor, time],
  )
  return rows[0] ?? null
}

/** Null: there is none of that id. */
export async function deleteQuarantine(tx: Transaction, id: string): Promise<QuarantineRow | null> {
  const rows = await tx.query<QuarantineRow>(
    'delete from registry.quarantine where id = $1 returning id, spiffe_id, reason, actor, created_at',
    [id],
  )
  return rows[0] ?? null
}

/** Newest first. */
export const listRows = (on: Queryable, after: string | null, limit: number) =>
  on.query<QuarantineRow>(
    `select id, spiffe_id, reason, actor, created_at from registry.quarantine
     where $1::uuid is null or id < $1
     order by id desc limit $2`,
    [after, limit],
  )

/** Those of these identities that are kept out. */
export async function findQuarantined(on: Queryable, spiffeIds: readonly string[]): Promise<string[]> {
  const rows = await on.query<{ spiffe_id: string }>(
    'select spiffe_id from registry.quarantine where spiffe_id = any($1::text[])',
    [spiffeIds],
  )
  return rows.map(({ spiffe_id }) => spiffe_id)
}
