/** What the quarantine emits; only operators and auditors see it. */
import type { Emission } from '#core/platform/outbox.ts'

type Kept = { readonly id: string; readonly spiffe_id: string; readonly reason: string }

export const peerQuarantined = (kept: Kept, actor: string): Emission => ({
  type: 'peer.quarantined',
  subject: `quarantine/${kept.id}`,
  data: { id: kept.id, spiffe_id: kept.spiffe_id, reason: kept.reason, actor },
  audience: [],
})

export const peerReleased = (kept: Kept, actor: string): Emission => ({
  type: 'peer.released',
  subject: `quarantine/${kept.id}`,
  data: { id: kept.id, spiffe_id: kept.spiffe_id, actor },
  audience: [],
})
