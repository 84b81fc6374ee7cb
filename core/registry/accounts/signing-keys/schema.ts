/** Shapes of signing keys: public JWKs that developers sign their cards with. */
import { z } from 'zod'
import { PageOf, TimeOut, Uuid } from '#core/base/shapes.ts'
import { KeyName } from '../credentials/schema.ts'

const member = z.string().min(1).max(4096)

/** A JWK (RFC 7517). Which members it needs and may not have is judged in rules.ts, where the words are better. */
export const JwkIn = z
  .record(z.string().max(100), z.unknown())
  .refine((jwk) => Object.keys(jwk).length <= 40, 'must have at most 40 members')
  .meta({
    description:
      'A public JWK: EC P-256 or P-384, OKP Ed25519, or RSA of at least 2048 bits. Without kid its RFC 7638 thumbprint becomes the kid.',
  })
export const EnrolBody = z.strictObject({ jwk: JwkIn, name: KeyName.optional() })
export type Enrolment = z.output<typeof EnrolBody>

/** The members that are kept of a JWK. */
export const PublicJwk = z.strictObject({
  kty: z.enum(['EC', 'OKP', 'RSA']),
  crv: member.optional(),
  x: member.optional(),
  y: member.optional(),
  n: member.optional(),
  e: member.optional(),
  kid: member,
  alg: member.optional(),
  use: z.literal('sig'),
})
export type PublicJwk = z.infer<typeof PublicJwk>

export const SigningKey = z.strictObject({
  id: Uuid,
  kid: z.string(),
  name: z.string().nullable(),
  jwk: PublicJwk,
  created_at: TimeOut,
})
export const SigningKeyPage = PageOf(SigningKey)
