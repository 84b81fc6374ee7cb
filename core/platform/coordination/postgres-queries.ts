/** Statements of the coordination that instances without Redis do in the registry's database. */
import type { Queryable } from '../database/database.ts'

type Time = Date | null

/** Counts one request by the generic cell rate algorithm, in whole microseconds; see gcra.ts for the same in words. */
export const countMark = (on: Queryable, key: string, step: number, burst: number, time: Time) =>
  on.query<{ now: bigint; at: bigint; allowed: boolean }>(
    `with t as (select (extract(epoch from coalesce($4::timestamptz, clock_timestamp())) * 1000000)::bigint as now)
     insert into registry.rate_marks as r (key, at, allowed) select $1, t.now + $2::bigint, true from t
     on conflict (key) do update set
       at = least(greatest(r.at, (select now from t)), (select now from t) + $3::bigint)
         + case when least(greatest(r.at, (select now from t)), (select now from t) + $3::bigint) + $2::bigint
             <= (select now from t) + $3::bigint then $2::bigint else 0 end,
       allowed = least(greatest(r.at, (select now from t)), (select now from t) + $3::bigint) + $2::bigint
         <= (select now from t) + $3::bigint
     returning (select now from t) as now, at, allowed`,
    [key, BigInt(step), BigInt(burst), time],
  )

/** Forgets marks that no longer limit anybody. */
export const dropOldMarks = (on: Queryable, time: Time) =>
  on.query(
    `delete from registry.rate_marks
     where at < (extract(epoch from coalesce($1::timestamptz, clock_timestamp())) * 1000000)::bigint`,
    [time],
  )

export const findText = (on: Queryable, key: string, time: Time) =>
  on.query<{ value: Uint8Array }>(
    `select value from registry.cached_texts
     where key = $1 and until > coalesce($2::timestamptz, clock_timestamp())`,
    [key, time],
  )

export const keepText = (on: Queryable, key: string, value: Uint8Array, ttlMs: number, time: Time) =>
  on.query(
    `insert into registry.cached_texts as c (key, value, until)
     values ($1, $2, coalesce($4::timestamptz, clock_timestamp()) + $3::float8 * interval '1 millisecond')
     on conflict (key) do update set value = excluded.value, until = excluded.until`,
    [key, value, ttlMs, time],
  )

export const dropText = (on: Queryable, key: string) =>
  on.query('delete from registry.cached_texts where key = $1', [key])

export const dropOldTexts = (on: Queryable, time: Time) =>
  on.query(`delete from registry.cached_texts where until <= coalesce($1::timestamptz, clock_timestamp())`, [
    time,
  ])

export const ping = (on: Queryable) => on.query('select 1')
