/** The digest under which the outcome of a key is kept: half of SHA-256, or a time and less of it. */
import { hash as hashOnce } from 'node:crypto'

export const sha256 = (text: string) => hashOnce('sha256', text, 'hex')

/** 128 bits of SHA-256 in the form of a UUID: half the size of the whole digest in every row and index. */
export function digestOf(text: string): string {
  const hex = sha256(text)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

/** Digests of scope and key, which together name an outcome for ever. */
export type DigestKey = (scope: string, key: string) => string

const TIMED = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/

/**
 * The digests of one ledger, which never change. By time: a key that begins with a UUIDv7 gives its 48 bits of time to the
 * digest, 80 bits of SHA-256 follow. Outcomes of keys that are made one after the other then stand side by side in the
 * index, where those of random keys cost a page each. Who searches for two keys with one digest finds them among his
 * own (2^40 tries and a time), and is answered as if he had used one key twice.
 */
export const digestKeyOf =
  (isByTime: boolean): DigestKey =>
  (scope, key) => {
    const digest = digestOf(`${scope}\n${key}`)
    return isByTime && TIMED.test(key) ? `${key.slice(0, 13)}${digest.slice(13)}` : digest
  }
