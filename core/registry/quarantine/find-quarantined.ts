/** Finds out who is in quarantine: asked with each request of a peer, so that it counts at once on every worker. */
import type { PeerCaller } from '#core/base/caller.ts'
import { parseSpiffeId } from '#core/base/spiffe-id.ts'
import type { Queryable } from '#core/platform/database/database.ts'
import { fail } from './errors.ts'
import { findQuarantined } from './queries.ts'

const domainOf = (spiffeId: string) => `spiffe://${parseSpiffeId(spiffeId)?.trustDomain ?? ''}`

/** @throws 403 peer_quarantined for a peer that is kept out by its ID or with its trust domain; the reason is not told */
export async function refuseQuarantined(
  { db }: { readonly db: Queryable },
  { spiffeId }: PeerCaller,
): Promise<void> {
  const found = await findQuarantined(db, [spiffeId, domainOf(spiffeId)])
  if (found.length > 0) throw fail('peer_quarantined', `${spiffeId} is in quarantine here: ask its operator.`)
}

/** Those of some identities that are not kept out. */
export async function withoutQuarantined<T extends { readonly spiffe_id: string }>(
  db: Queryable,
  peers: readonly T[],
): Promise<T[]> {
  if (peers.length === 0) return []
  const subjects = new Set(peers.flatMap(({ spiffe_id: id }) => [id, domainOf(id)]))
  const kept = new Set(await findQuarantined(db, [...subjects]))
  return peers.filter(({ spiffe_id: id }) => !kept.has(id) && !kept.has(domainOf(id)))
}
