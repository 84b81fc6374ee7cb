/** Secrets of webhooks and their signatures, as Standard Webhooks 1.0 has them: v1 (HMAC-SHA256) and v1a (Ed25519). */
import { createPrivateKey, createPublicKey, hash, type KeyObject, sign } from 'node:crypto'

const SECRET_BYTES = 32
const SEED_BYTES = 32
/** DER of an Ed25519 private key before its 32 bytes (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A secret as HMAC-SHA256 uses it (RFC 2104): mixed with the two pads, ready to be hashed before a text. */
interface HmacKey {
  readonly inner: Uint8Array
  readonly outer: Uint8Array
}
const BLOCK_BYTES = 64

/** What signs for one webhook. */
export interface Signer {
  readonly hmac: HmacKey
  readonly key: KeyObject
}

/** Makes secrets. @returns what the database keeps once it is sealed */
export function makeSecret(random: (size: number) => Uint8Array): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return JSON.stringify({ hmac: text(random(SECRET_BYTES)), seed: text(random(SEED_BYTES)) })
}

/** What the owner is shown: `whsec_` to verify v1, once; `whpk_` to verify v1a, at any time. */
export function showSecret(secret: string): { secret: string; public_key: string } {
  const { hmac } = JSON.parse(secret) as { hmac: string }
  const jwk = createPublicKey(openSigner(secret).key).export({ format: 'jwk' })
  const raw = Buffer.from(String(jwk.x), 'base64url').toString('base64')
  return { secret: `whsec_${hmac}`, public_key: `whpk_${raw}` }
}

export function openSigner(secret: string): Signer {
  const { hmac, seed } = JSON.parse(secret) as { hmac: string; seed: string }
  const der = Buffer.concat([PKCS8, Buffer.from(seed, 'base64')])
  return {
    hmac: openHmac(Buffer.from(hmac, 'base64')),
    key: createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
  }
}

/**
 * The three headers of an attempt at `time`, and the bytes of its body; each signer signs, so that a receiver may hold an
 * old or a new secret.
 */
export function signDelivery(
  signers: readonly Signer[],
  id: string,
  time: Date,
  body: string,
): { headers: Record<string, string>; body: Uint8Array } {
  const timestamp = String(Math.floor(time.getTime() / 1000))
  const prefix = `${id}.${timestamp}.`
  const bytes = Buffer.from(prefix + body)
  const v1 = signers.map(({ hmac }) => `v1,${hmacOf(hmac, bytes)}`)
  const v1a = signers.map(({ key }) => `v1a,${sign(null, bytes, key).toString('base64')}`)
  return {
    headers: {
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': [...v1, ...v1a].join(' '),
    },
    // An id and a timestamp are ASCII: as many bytes as characters.
    body: bytes.subarray(prefix.length),
  }
}

function openHmac(secret: Uint8Array): HmacKey {
  const pad = (byte: number) => Uint8Array.from({ length: BLOCK_BYTES }, (_, i) => (secret[i] ?? 0) ^ byte)
  return { inner: pad(0x36), outer: pad(0x5c) }
}

/** In base64. Two one-shot hashes cost a fifth of an Hmac object; the tests compare the two. */
const hmacOf = ({ inner, outer }: HmacKey, bytes: Uint8Array): string =>
  hash('sha256', Buffer.concat([outer, hash('sha256', Buffer.concat([inner, bytes]), 'buffer')]), 'base64')
