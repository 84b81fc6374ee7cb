/** Reads and writes the few forms of DER that certificates need. */

/** One element: its tag, and where its content stands. */
export interface Element {
  readonly tag: number
  /** With tag and length. */
  readonly whole: Uint8Array
  readonly content: Uint8Array
}

export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

const LENGTH_BYTES_MAX = 3

/** The element that begins at an offset, or null where none is whole. */
export function readElement(bytes: Uint8Array, at = 0): Element | null {
  const tag = bytes[at]
  const first = bytes[at + 1]
  // Tags of several bytes stand in no certificate.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return null
  let length = first
  let start = at + 2
  if (first >= 0x80) {
    const count = first & 0x7f
    // No length of unknown size, none that could have been written shorter.
    if (count === 0 || count > LENGTH_BYTES_MAX || bytes[start] === 0) return null
    length = 0
    for (let n = 0; n < count; n++) length = length * 256 + (bytes[start + n] ?? 0)
    start += count
    if (length < 0x80) return null
  }
  const end = start + length
  if (end > bytes.length) return null
  return { tag, whole: bytes.subarray(at, end), content: bytes.subarray(start, end) }
}

/** The elements that a content is made of, or null when a rest is left that is none. */
export function readElements(bytes: Uint8Array): Element[] | null {
  const found: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const element = readElement(bytes, at)
    if (!element) return null
    found.push(element)
    at += element.whole.length
  }
  return found
}

/** An element of a tag and its parts. */
export function write(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts)
  const { length } = content
  const size: number[] = []
  if (length < 0x80) size.push(length)
  else {
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) size.unshift(rest % 256)
    size.unshift(0x80 | size.length)
  }
  return Buffer.concat([Uint8Array.of(tag, ...size), content])
}

/** An object identifier, such as 2.5.29.17. */
export function writeOid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...others].flatMap((arc) => {
    const septets: number[] = [arc % 128]
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
      septets.unshift((rest % 128) | 0x80)
    return septets
  })
  return write(tags.oid, Uint8Array.from(bytes))
}

/** A time as RFC 5280 wants it: two digits of the year until 2049. */
export function writeTime(time: Date): Uint8Array {
  const digits = time.toISOString().replace(/[-:T]|\.\d+/g, '')
  return time.getUTCFullYear() < 2050
    ? write(tags.utcTime, Buffer.from(digits.slice(2)))
    : write(tags.generalizedTime, Buffer.from(digits))
}
