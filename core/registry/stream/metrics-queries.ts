/** Statements of the live metrics. */
import type { Queryable } from '#core/platform/database/database.ts'

export interface PulseRow {
  now: Date
  head: bigint
  events: bigint
  transfers: bigint
  /** AVT that transfers have moved, gross. */
  volume: string
  agents: bigint
}

/** Journal rows that a look at the last minute goes through at most; beyond it the figures are lower bounds. */
const ROWS_MAX = 20_000

/**
 * The last minute of the journal, and how many agents are active. An amount is cut out of the document where it stands:
 * reading 20,000 documents whole took most of a second. No text in it can pose as one, since its quotes would be escaped.
 */
export async function readPulse(on: Queryable, time: Date | null): Promise<PulseRow> {
  const rows = await on.query<PulseRow>(
    `with t as (select coalesce($1::timestamptz, clock_timestamp()) as now), h as (select index from registry.journal_head),
     fresh as (
       select j.type, j.envelope from registry.journal j, t, h
       where j.index > h.index - ${ROWS_MAX} and j.recorded_at > t.now - interval '1 minute'
     )
     select t.now, h.index as head, (select count(*) from fresh) as events,
       (select count(*) from fresh f where f.type = 'transfer.completed') as transfers,
       (select coalesce(trim_scale(sum(nullif(split_part(split_part(f.envelope, '"amount":"', 2), '"', 1), '')::numeric)), 0)::text
        from fresh f where f.type = 'transfer.completed') as volume,
       (select count(*) from registry.agents a where a.status = 'active') as agents
     from t, h`,
    [time],
  )
  return rows[0] as PulseRow
}
