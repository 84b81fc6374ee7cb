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
