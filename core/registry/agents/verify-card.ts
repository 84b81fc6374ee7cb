/** Verifies the publisher's signatures of a card against the keys that the developer has enrolled, and no others. */
import { flattenedVerify, importJWK, type JWK } from 'jose'
import { plainForm, sdkForm, specForm } from './canonicalize-card.ts'
import { isObject } from './check-shape.ts'
import type { Card } from './validate-card.ts'

/** A key that the developer enrolled under /auth/signing-keys. */
export interface EnrolledKey {
  readonly kid: string
  readonly jwk: JWK
}

export type SignatureForm = 'spec' | 'sdk' | '0.3'
export interface SignatureVerdict {
  readonly status: 'unsigned' | 'verified' | 'invalid'
  /** Which canonical form the signature covers, and the key that made it; null unless verified. */
  readonly form: SignatureForm | null
  readonly kid: string | null
}

/** Asymmetric algorithms only: whoever verifies must not be able to sign. */
const ALGORITHMS = [
  'EdDSA',
  'Ed25519',
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
]

/**
 * One good signature is enough (several stand for key rotation). `jku` is never followed: whoever signs must not name
 * the trust root.
 */
export async function verifyCard(
  card: Card,
  original: Card | null,
  keys: readonly EnrolledKey[],
): Promise<SignatureVerdict> {
  const signed = original ?? card
  const signatures = Array.isArray(signed.signatures) ? signed.signatures : []
  if (signatures.length === 0) return { status: 'unsigned', form: null, kid: null }
  const forms: [SignatureForm, string][] = original
    ? [['0.3', plainForm(original)]]
    : [
        ['spec', specForm(card)],
        ['sdk', sdkForm(card)],
      ]
  for (const signature of signatures) {
    const header = readHeader(signature)
    if (!header) continue
    for (const key of keys.filter((one) => one.kid === header.kid))
      for (const [form, payload] of forms)
        if (await verifies(signature, payload, key.jwk, header.alg))
          return { status: 'verified', form, kid: key.kid }
  }
  return { status: 'invalid', form: null, kid: null }
}

/** kid and alg of the protected header; null when it is not one. */
function readHeader(signature: unknown): { kid: string; alg: string } | null {
  if (!isObject(signature) || typeof signature.protected !== 'string') return null
  try {
    const header: unknown = JSON.parse(Buffer.from(signature.protected, 'base64url').toString('utf8'))
    if (!isObject(header) || typeof header.kid !== 'string' || typeof header.alg !== 'string') return null
    return ALGORITHMS.includes(header.alg) ? { kid: header.kid, alg: header.alg } : null
  } catch {
    return null
  }
}

async function verifies(signature: unknown, payload: string, jwk: JWK, alg: string): Promise<boolean> {
  const { protected: head, signature: value } = signature as { protected: string; signature: string }
  if (jwk.kty === 'oct' || (jwk.alg !== undefined && jwk.alg !== alg)) return false
  try {
    const key = await importJWK(jwk, alg)
    const jws = { protected: head, payload: Buffer.from(payload).toString('base64url'), signature: value }
    await flattenedVerify(jws, key, { algorithms: ALGORITHMS })
    return true
  } catch {
    // A key of another type, a header that jose refuses, a signature that does not fit: all the same, not verified.
    return false
  }
}
