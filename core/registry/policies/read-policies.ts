/** Reads the emission policies in force. */

import { FLOOR } from '#core/base/emission-policy.ts'
import type { RegistryContext } from '../context.ts'
import { findPolicySet, type PolicySetRow } from '../stream/find-policy-set.ts'
import type { PoliciesOut } from './schema.ts'

/** The set in force, with the floor below which none reaches. */
export async function readPolicies(ctx: RegistryContext): Promise<PoliciesOut> {
  return showPolicies(await findPolicySet(ctx.db))
}

/** A set as operators see it; version 0 without policies before the first change. */
export const showPolicies = (set: PolicySetRow | undefined): PoliciesOut => ({
  version: Number(set?.version ?? 0n),
  policies: (set?.policies ?? []) as PoliciesOut['policies'],
  floor: [...FLOOR],
  changed_at: set?.created_at.toISOString() ?? null,
  changed_by: set?.actor ?? null,
})
