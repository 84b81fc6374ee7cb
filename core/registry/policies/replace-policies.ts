/** Replaces the emission policies: the new set, its event and the audit trail in one transaction. */
import { principalOf } from '#core/base/caller.ts'
import { judgePolicies, type Policy } from '#core/base/emission-policy.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { findPolicySet } from '../stream/find-policy-set.ts'
import { listEventTypes } from '../stream/list-event-types.ts'
import { fail } from './errors.ts'
import { policyChanged } from './events.ts'
import { insertPolicySet, lockPolicies } from './queries.ts'
import { showPolicies } from './read-policies.ts'
import type { PoliciesOut } from './schema.ts'

/**
 * Events that are in the outbox already may still be told by the set before: the relay fixes it with their index.
 * @param expected the version that the caller has read, if it wants to be sure
 * @throws 422 out_of_bounds for a set that reaches below the floor; 412 precondition_failed
 */
export async function replacePolicies(
  ctx: RegistryContext,
  policies: readonly Policy[],
  expected: number | undefined,
): Promise<PoliciesOut> {
  refuseFaults(policies)
  const shown = await ctx.once(async (tx) => {
    await lockPolicies(tx)
    const before = await findPolicySet(tx)
    const version = before?.version ?? 0n
    if (expected !== undefined && BigInt(expected) !== version)
      throw fail('precondition_failed', `The policies are at version ${version}, not ${expected}.`)
    const ordered = [...policies].sort((a, b) => a.priority - b.priority)
    const actor = principalOf(ctx.caller) ?? 'unknown'
    const set = await insertPolicySet(tx, { version: version + 1n, policies: ordered, actor }, ctx.time)
    await emitEvent(tx, ctx, policyChanged(set.version, actor, before?.policies ?? [], ordered))
    await recordAct(tx, ctx, {
      act: 'policies.replace',
      object: `policies/${set.version}`,
      before: { policies: before?.policies ?? [] },
      after: { policies: ordered },
    })
    return showPolicies(set)
  })
  ctx.wake('relay')
  return shown
}

/** @throws 422 out_of_bounds with all faults */
export function refuseFaults(policies: readonly Policy[]): void {
  const faults = judgePolicies(
    policies,
    listEventTypes().items.map(({ type }) => type),
  )
  if (faults.length === 0) return
  throw fail('out_of_bounds', faults.map(({ detail }) => detail).join('; '), {
    errors: faults.map(({ pointer, detail }) => ({ pointer, code: 'out_of_bounds', detail })),
  })
}
