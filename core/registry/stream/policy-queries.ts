/** Statement of the policies in force: the relay asks it with every batch. */
import type { Policy } from '#core/base/emission-policy.ts'
import type { Queryable } from '#core/platform/database/database.ts'

export interface PolicySetRow {
  version: bigint
  policies: Policy[]
  actor: string
  created_at: Date
}

/** The set in force; undefined where there has never been one. */
export async function selectPolicySet(on: Queryable): Promise<PolicySetRow | undefined> {
  const rows = await on.query<PolicySetRow>(
    'select version, policies, actor, created_at from registry.policy_sets order by version desc limit 1',
  )
  return rows[0]
}
