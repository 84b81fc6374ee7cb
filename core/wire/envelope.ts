/** The envelope of an agent: what registries serve, sign and exchange. */
import { z } from 'zod'
import { PageOf, TimeOut, Uuid } from '#core/base/shapes.ts'

export const AgentStatus = z.enum(['active', 'deprecated', 'suspended', 'retired'])
export type AgentStatus = z.infer<typeof AgentStatus>
export const SignatureStatus = z.enum(['unsigned', 'verified', 'invalid'])

export const Location = z.strictObject({
  country: z.string().meta({ description: 'ISO 3166-1 alpha-2' }),
  region: z.string().optional(),
  city: z.string().optional(),
  latitude: z.number(),
  longitude: z.number(),
})
export type Location = z.infer<typeof Location>

export const CardOut = z
  .record(z.string(), z.unknown())
  .meta({ description: 'The A2A 1.0 card as published' })

export const Envelope = z
  .strictObject({
    id: Uuid,
    did: z.string(),
    slug: z.string(),
    owner: Uuid.meta({ description: 'Account of the developer' }),
    status: AgentStatus,
    card: CardOut,
    card_etag: z.string().meta({ description: 'Strong ETag of the hosted card, as If-Match takes it' }),
    card_digest: z.string().meta({ description: 'sha-256: and hex, over RFC 8785 of card' }),
    card_version: z.string(),
    signature_status: SignatureStatus,
    origin_registry: z.string(),
    origin_registry_location: Location.nullable(),
    sequence: z.number().int().min(1),
    reputation: z.strictObject({
      percentile: z.number().min(0).max(100).nullable(),
      evidence: z.number().int().min(0),
    }),
    created_at: TimeOut,
    updated_at: TimeOut,
    registry_signature: z.string().meta({
      description:
        'Compact JWS (EdDSA; kid in /.well-known/jwks.json) over RFC 8785 of the envelope without registry_signature, reputation and card_etag',
    }),
  })
  .meta({ id: 'Envelope' })
export type Envelope = z.infer<typeof Envelope>
export const EnvelopePage = PageOf(Envelope)
