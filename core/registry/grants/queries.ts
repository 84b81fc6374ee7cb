/** Statements of the grants that are due. */
import type { Transaction } from '#core/platform/database/database.ts'

export interface DueGrant {
  developer: string
  agent: string
  amount: bigint
  attempts: number
  did: string
  owner: string
  status: 'active' | 'deprecated' | 'suspended' | 'retired'
  sequence: bigint
  opened: boolean
}

/**
 * Locks grants whose time has come, or that wait for tomorrow under a smaller budget than this one (or the named developer's,
 * whenever), passing over those that a rival holds.
 */
export const lockDue = (
  tx: Transaction,
  filter: { developer: string | null; budget: bigint; limit: number; time: Date | null },
) =>
  tx.query<DueGrant>(
    `select g.developer, g.agent, g.amount, g.attempts, a.did, a.owner, a.status, a.sequence,
            a.teg_sequence > 0 as opened
     from registry.grants_due g join registry.agents a on a.id = g.agent
     where g.granted_at is null and g.refused_code is null
       and case when $1::uuid is null
             then g.next_attempt_at <= coalesce($3::timestamptz, clock_timestamp()) or g.budget_used_up < $4::bigint
             else g.developer = $1::uuid end
     order by g.next_attempt_at, g.developer
     limit $2
     for update of g skip locked`,
    [filter.developer, filter.limit, filter.time, filter.budget],
  )

/** Counts an attempt and sets the time of the next one: whoever crashes now has only postponed it. */
export const markAttempt = (
  tx: Transaction,
  row: { developer: string; seconds: number; time: Date | null },
) =>
  tx.query(
    `update registry.grants_due
     set attempts = attempts + 1, budget_used_up = null,
         next_attempt_at = coalesce($3::timestamptz, clock_timestamp()) + $2 * interval '1 second'
     where developer = $1`,
    [row.developer, row.seconds, row.time],
  )

export const markGranted = (tx: Transaction, developer: string, time: Date | null) =>
  tx.query(
    `update registry.grants_due set granted_at = coalesce($2::timestamptz, clock_timestamp())
     where developer = $1 and granted_at is null`,
    [developer, time],
  )

export const markRefused = (tx: Transaction, developer: string, code: string) =>
  tx.query(`update registry.grants_due set refused_code = $2 where developer = $1 and granted_at is null`, [
    developer,
    code,
  ])

/** The budget is used up: due again when the next UTC day has begun, or under a greater one. */
export const markTomorrow = (tx: Transaction, developer: string, budget: bigint, time: Date | null) =>
  tx.query(
    `update registry.grants_due
     set budget_used_up = $3::bigint, next_attempt_at =
       (date_trunc('day', coalesce($2::timestamptz, clock_timestamp()) at time zone 'UTC') + interval '1 day')
         at time zone 'UTC'
     where developer = $1`,
    [developer, time, budget],
  )
