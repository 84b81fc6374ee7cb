/** Identifiers: UUIDv7, so that keys of history indexes arrive in order. */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** True for a UUID in canonical lower-case form. */
export const isUuid = (text: string): boolean => UUID.test(text)

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** A UUIDv7 (RFC 9562) of a time in milliseconds and ten random bytes. */
export function uuidv7(milliseconds: number, random: Uint8Array): string {
  const high = Math.floor(milliseconds / 0x1_0000_0000)
  const low = milliseconds >>> 0
  const hex = (byte: number) => HEX[byte & 0xff] as string
  const at = (index: number) => random[index] ?? 0
  return `${hex(high >> 8)}${hex(high)}${hex(low >>> 24)}${hex(low >>> 16)}-${hex(low >>> 8)}${hex(low)}-${hex(
    0x70 | (at(0) & 0x0f),
  )}${hex(at(1))}-${hex(0x80 | (at(2) & 0x3f))}${hex(at(3))}-${hex(at(4))}${hex(at(5))}${hex(at(6))}${hex(at(7))}${hex(
    at(8),
  )}${hex(at(9))}`
}

/**
 * A generator of request ids for one process: 72 random bits and a count, in the form of a UUID (version 8).
 * They need not tell the time and nobody guesses them for gain; made once per request, they must be cheap.
 */
export function requestIdMaker(random: (size: number) => Uint8Array): () => string {
  const hex = Array.from(random(12), (byte) => HEX[byte]).join('')
  const prefix = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(12, 15)}-8${hex.slice(15, 18)}-`
  let count = 0
  return () => prefix + (0x1_0000_0000_0000 + count++).toString(16).slice(1)
}
