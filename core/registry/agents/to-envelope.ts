/** An agent's row as the envelope that everybody reads. Pure: discovery and federation use it too. */
import type { AgentRow } from './queries.ts'
import type { Envelope } from './schema.ts'

/** The envelope as the registry signs it: all of it but registry_signature, reputation and card_etag. */
export type SignedPart = Omit<Envelope, 'registry_signature' | 'reputation' | 'card_etag'>

/** What the signature of `row` covers. */
export function toSignedPart(row: Omit<AgentRow, 'registry_signature'>): SignedPart {
  return {
    id: row.id,
    did: row.did,
    slug: row.slug,
    owner: row.owner,
    status: row.status,
    card: JSON.parse(row.card_text) as Record<string, unknown>,
    card_digest: row.card_digest,
    card_version: row.card_version,
    signature_status: row.signature_status,
    origin_registry: row.origin_registry,
    origin_registry_location: row.origin_location,
    sequence: Number(row.sequence),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}

/** The whole envelope. Nobody is rated yet: the percentile is null until a reputation run has evidence. */
export function toEnvelope(row: AgentRow): Envelope {
  const signed = toSignedPart(row)
  const { sequence, created_at, updated_at, ...rest } = signed
  return {
    ...rest,
    card_etag: `"${row.card_etag}"`,
    sequence,
    reputation: { percentile: null, evidence: 0 },
    created_at,
    updated_at,
    registry_signature: row.registry_signature,
  }
}
