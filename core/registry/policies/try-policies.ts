/** Tries a set of emission policies on events that the journal holds, without any effect. */

import { applyPolicies, isFloor, type Policy, type Target, targetBits } from '#core/base/emission-policy.ts'
import type { RegistryContext } from '../context.ts'
import { listNewest } from './queries.ts'
import { refuseFaults } from './replace-policies.ts'
import type { DryRunOut } from './schema.ts'

type Line = DryRunOut['types'][number]

/**
 * @param last how many of the newest events
 * @returns by type, how many would have gone where; what a set in force has taken out already stays out
 * @throws 422 out_of_bounds for a set that reaches below the floor
 */
export async function tryPolicies(
  ctx: RegistryContext,
  policies: readonly Policy[],
  last: number,
): Promise<DryRunOut> {
  refuseFaults(policies)
  const events = await listNewest(ctx.db, last)
  const lines = new Map<string, Line>()
  // What a hash would be does not matter here, only that there is one.
  const salt = new Uint8Array(32)
  for (const { id, type, envelope } of events) {
    const { data } = JSON.parse(envelope) as { data: Record<string, unknown> }
    const told = applyPolicies(policies, { id, type, data }, salt)
    const line = lines.get(type) ?? {
      type,
      events: 0,
      floor: isFloor(type),
      ledger: 0,
      webhook: 0,
      live: 0,
      redacted: 0,
    }
    lines.set(type, line)
    line.events++
    for (const [target, bit] of Object.entries(targetBits) as [Target, number][])
      if (told.targets & bit) line[target]++
    if (told.redacted.length > 0) line.redacted++
  }
  return {
    from: Number(events[0]?.index ?? 0n),
    to: Number(events.at(-1)?.index ?? 0n),
    types: [...lines.values()].sort((a, b) => (a.type < b.type ? -1 : 1)),
  }
}
