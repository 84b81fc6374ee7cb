/** Envelopes for tests of the index: a small valid card whose members a test replaces. */
import type { Database } from '#core/platform/database/database.ts'
import { indexCard } from '#core/registry/discovery/index-card.ts'

export interface Told {
  n: number
  name?: string
  description?: string
  skills?: Record<string, unknown>[]
  card?: Record<string, unknown>
  status?: string
  signature?: 'unsigned' | 'verified' | 'invalid'
  registry?: string
  location?: Record<string, unknown> | null
  percentile?: number | null
  updatedAt?: string
  sequence?: number
}

export const idOf = (n: number) => `0190a000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`
export const didOf = (n: number) => `did:web:127.0.0.1%3A8000:api:v1:agents:${idOf(n)}`
export const berlin = { country: 'DE', region: 'Berlin', city: 'Berlin', latitude: 52.52, longitude: 13.405 }

/** An envelope with all members of the contract. */
export function makeEnvelope(told: Told): Record<string, unknown> {
  const { n } = told
  return {
    id: idOf(n),
    did: didOf(n),
    slug: `agent-${n}`,
    owner: idOf(1_000_000 + n),
    status: told.status ?? 'active',
    card: {
      name: told.name ?? `Agent ${n}`,
      description: told.description ?? 'Does its work',
      supportedInterfaces: [
        { url: 'https://agents.example.com/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      ],
      version: '1.0.0',
      capabilities: {},
      defaultInputModes: ['text/plain'],
      defaultOutputModes: ['text/plain'],
      skills: told.skills ?? [{ id: 'work', name: 'Work', description: 'Works', tags: ['general'] }],
      ...told.card,
    },
    card_etag: `etag-${n}`,
    card_digest: `sha-256:${n.toString(16).padStart(64, '0')}`,
    card_version: '1.0.0',
    signature_status: told.signature ?? 'unsigned',
    origin_registry: told.registry ?? 'ninefold',
    origin_registry_location: told.location === undefined ? berlin : told.location,
    sequence: told.sequence ?? 1,
    reputation: { percentile: told.percentile ?? null, evidence: 0 },
    created_at: '2026-11-01T00:00:00.000Z',
    updated_at: told.updatedAt ?? '2026-11-01T00:00:00.000Z',
    registry_signature: 'e30..c2ln',
  }
}

/** Indexes envelopes in one transaction, as publishing does. */
export async function indexAll(
  db: Database,
  told: readonly (Told & { visible?: boolean })[],
): Promise<Record<string, unknown>[]> {
  const envelopes = told.map(makeEnvelope)
  await db.transaction(async (tx) => {
    for (const [i, envelope] of envelopes.entries()) {
      const { n, visible = true, registry = 'ninefold' } = told[i] as Told & { visible?: boolean }
      const agent = registry === 'ninefold' ? idOf(n) : null
      await indexCard(tx, { did: didOf(n), agent, envelope, visible, time: new Date('2026-11-24T12:00:00Z') })
    }
  })
  return envelopes
}
