/** Statements of emission policies. */

import type { Policy } from '#core/base/emission-policy.ts'
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { PolicySetRow } from '../stream/find-policy-set.ts'

/** One change at a time; who waits sees what the one before has made. */
export const lockPolicies = (tx: Transaction) =>
  tx.query(`select pg_advisory_xact_lock(hashtext('registry.policy_sets'))`)

export async function insertPolicySet(
  tx: Transaction,
  set: { version: bigint; policies: readonly Policy[]; actor: string },
  now: Date | null,
): Promise<PolicySetRow> {
  const rows = await tx.query<PolicySetRow>(
    `insert into registry.policy_sets (version, policies, actor, created_at)
     values ($1, $2::json, $3, coalesce($4::timestamptz, clock_timestamp()))
     returning version, policies, actor, created_at`,
    [set.version, JSON.stringify(set.policies), set.actor, now],
  )
  return rows[0] as PolicySetRow
}

/** The newest events of the journal, oldest first. */
export const listNewest = (on: Queryable, limit: number) =>
  on.query<{ index: bigint; id: string; type: string; envelope: string }>(
    `select index, id, type, envelope from
       (select index, id, type, envelope from registry.journal order by index desc limit $1) newest
     order by index`,
    [limit],
  )
