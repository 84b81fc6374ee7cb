/** Statements of the settings. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

export interface StateRow {
  version: bigint
  fee_rate: string | null
  stored: Record<string, string>
}

/** Version and values in one statement, so that they belong together. */
export async function selectSettings(on: Queryable): Promise<StateRow> {
  const rows = await on.query<StateRow>(
    `select s.version, s.fee_rate,
            (select coalesce(json_object_agg(r.name, r.value), '{}'::json) from registry.settings r) as stored
     from registry.settings_state s`,
  )
  return rows[0] as StateRow
}

/** One change at a time: the version's order is the commits' order. */
export const lockState = (tx: Transaction) =>
  tx.query('select version from registry.settings_state for update')

export const upsertSetting = (
  tx: Transaction,
  row: { name: string; value: string; actor: string; time: Date | null },
) =>
  tx.query(
    `insert into registry.settings (name, value, actor, changed_at)
     values ($1, $2, $3, coalesce($4::timestamptz, clock_timestamp()))
     on conflict (name) do update
       set value = excluded.value, actor = excluded.actor, changed_at = excluded.changed_at`,
    [row.name, row.value, row.actor, row.time],
  )

export const deleteSetting = (tx: Transaction, name: string) =>
  tx.query('delete from registry.settings where name = $1', [name])

/** The last operator who set the fee rate up to each version, and the rate; versions before the first such change have no row. */
export const readRateActors = (on: Queryable, versions: readonly number[]) =>
  on.query<{ settings_version: bigint; actor: string; rate: string }>(
    `select v.version as settings_version, c.actor, c.rate from unnest($1::bigint[]) as v(version)
     cross join lateral (
       select a.actor, a.after ->> 'value' as rate from registry.audit_trail a
       where a.object = 'settings/intra_registry_fee_rate' and (a.after ->> 'settings_version')::bigint <= v.version
       order by a.position desc limit 1
     ) c`,
    [versions],
  )

/** Raises the version, at least to `floor`, and notes the fee rate that it stands for. */
export const raiseVersion = (tx: Transaction, feeRate: string, floor: bigint) =>
  tx.query(`update registry.settings_state set version = greatest(version + 1, $2::int8), fee_rate = $1`, [
    feeRate,
    floor,
  ])
