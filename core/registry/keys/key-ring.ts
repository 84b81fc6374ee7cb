/** The server's keys by purpose, kept in the database and shared by all workers; sealed where SECRET_KEY is set. */
import { CompactSign, compactVerify, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import type { Resources } from '#core/platform/context.ts'
import { openSeal } from '#core/platform/seal-text.ts'
import { insertServerKey, listServerKeys, lockServerKeys } from './queries.ts'

/** Access tokens, cards and envelopes, quotes, payment tokens: a key of one purpose never signs for another. */
export const purposes = ['access', 'registry', 'quote', 'token'] as const
export type Purpose = (typeof purposes)[number]

interface Held {
  readonly kid: string
  readonly key: Awaited<ReturnType<typeof importJWK>>
  readonly publicKey: Awaited<ReturnType<typeof importJWK>>
  readonly publicJwk: JWK
}

export interface KeyRing {
  /** A compact JWS (EdDSA, Ed25519) over bytes, with kid and further protected header fields. */
  sign(purpose: Purpose, payload: Uint8Array, header?: { typ?: string; jku?: string }): Promise<string>
  /** The payload of a JWS of this purpose; null when it is not ours or is broken. */
  verify(purpose: Purpose, jws: string): Promise<Uint8Array | null>
  /** Public keys, newest first (JWKS). */
  publicKeys(purpose: Purpose): JWK[]
  /** Encrypts a text that the database keeps (recorded replies that hold a secret). */
  seal(text: string): string
  unseal(sealed: string): string
}

/** Loads the keys, making the missing ones; safe when several workers start at once. */
export async function openKeyRing(resources: Resources, secret: string | undefined): Promise<KeyRing> {
  const { seal, unseal } = openSeal(secret, resources.random)
  const rows = await resources.db.transaction(async (tx) => {
    await lockServerKeys(tx)
    const held = await listServerKeys(tx)
    for (const purpose of purposes) {
      if (held.some((row) => row.purpose === purpose)) continue
      const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
      const kid = `${purpose}-${Buffer.from(resources.random(9)).toString('base64url')}`
      await insertServerKey(tx, {
        kid,
        purpose,
        privateKey: seal(JSON.stringify(await exportJWK(pair.privateKey))),
        publicKey: { ...(await exportJWK(pair.publicKey)), kid, alg: 'EdDSA', use: 'sig' },
        time: resources.clock.fixed,
      })
    }
    return listServerKeys(tx)
  })
  const ring = new Map<Purpose, Held[]>()
  for (const row of rows) {
    const key = await importJWK(JSON.parse(unseal(row.private_key)) as JWK, 'EdDSA')
    const publicKey = await importJWK(row.public_key, 'EdDSA')
    const purpose = row.purpose as Purpose
    ring.set(purpose, [
      ...(ring.get(purpose) ?? []),
      { kid: row.kid, key, publicKey, publicJwk: row.public_key },
    ])
  }
  const heldOf = (purpose: Purpose): Held[] => ring.get(purpose) ?? []

  return {
    async sign(purpose, payload, header = {}) {
      const newest = heldOf(purpose)[0]
      if (!newest) throw new Error(`no key for ${purpose}`)
      return new CompactSign(payload)
        .setProtectedHeader({ alg: 'EdDSA', kid: newest.kid, ...header })
        .sign(newest.key)
    },
    async verify(purpose, jws) {
      try {
        const kid = JSON.parse(Buffer.from(jws.split('.', 1)[0] ?? '', 'base64url').toString('utf8')).kid
        const held = heldOf(purpose).find((one) => one.kid === kid)
        if (!held) return null
        return (await compactVerify(jws, held.publicKey, { algorithms: ['EdDSA'] })).payload
      } catch {
        return null
      }
    },
    publicKeys: (purpose) => heldOf(purpose).map((one) => one.publicJwk),
    seal,
    unseal,
  }
}
