/** What a change of policies emits; only operators and auditors see it. */

import type { Policy } from '#core/base/emission-policy.ts'
import type { Emission } from '#core/platform/outbox.ts'

export const policyChanged = (
  version: bigint,
  actor: string,
  before: readonly Policy[],
  after: readonly Policy[],
): Emission => ({
  type: 'policy.changed',
  subject: `policies/${version}`,
  data: { version: Number(version), actor, old: before, new: after },
  audience: [],
})
