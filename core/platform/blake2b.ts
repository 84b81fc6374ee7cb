/** BLAKE2b (RFC 7693) without a key, on pairs of 32-bit words: for hosts whose crypto does not have it. */

const IV = new Uint32Array([
  0xf3bcc908, 0x6a09e667, 0x84caa73b, 0xbb67ae85, 0xfe94f82b, 0x3c6ef372, 0x5f1d36f1, 0xa54ff53a, 0xade682d1,
  0x510e527f, 0x2b3e6c1f, 0x9b05688c, 0xfb41bd6b, 0x1f83d9ab, 0x137e2179, 0x5be0cd19,
])
const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
] as const
const ROUNDS = 12
const BLOCK_BYTES = 128
const TWO_32 = 2 ** 32

/** @param length bytes of the digest, 1 to 64 */
export function blake2b(input: Uint8Array, length: number): Uint8Array {
  const h = IV.slice()
  // Length of the digest, no key, one leaf.
  h[0] = (word(h, 0) ^ 0x01010000 ^ length) >>> 0
  const block = new Uint8Array(BLOCK_BYTES)
  const view = new DataView(block.buffer)
  const m = new Uint32Array(32)
  const last = Math.max(0, Math.ceil(input.length / BLOCK_BYTES) - 1)
  for (let at = 0; at <= last; at++) {
    const part = input.subarray(at * BLOCK_BYTES, (at + 1) * BLOCK_BYTES)
    block.fill(0)
    block.set(part)
    for (let i = 0; i < 32; i++) m[i] = view.getUint32(i * 4, true)
    compress(h, m, at * BLOCK_BYTES + part.length, at === last)
  }
  return new Uint8Array(h.buffer, 0, 64).slice(0, length)
}

const word = (words: Uint32Array, at: number): number => words[at] as number

function compress(h: Uint32Array, m: Uint32Array, count: number, isLast: boolean): void {
  const v = new Uint32Array(32)
  v.set(h)
  v.set(IV, 16)
  v[24] = word(v, 24) ^ (count % TWO_32)
  v[25] = word(v, 25) ^ Math.floor(count / TWO_32)
  if (isLast) {
    v[28] = ~word(v, 28)
    v[29] = ~word(v, 29)
  }
  for (let round = 0; round < ROUNDS; round++) {
    const s = SIGMA[round % SIGMA.length] as (typeof SIGMA)[number]
    mix(v, m, 0, 4, 8, 12, s[0], s[1])
    mix(v, m, 1, 5, 9, 13, s[2], s[3])
    mix(v, m, 2, 6, 10, 14, s[4], s[5])
    mix(v, m, 3, 7, 11, 15, s[6], s[7])
    mix(v, m, 0, 5, 10, 15, s[8], s[9])
    mix(v, m, 1, 6, 11, 12, s[10], s[11])
    mix(v, m, 2, 7, 8, 13, s[12], s[13])
    mix(v, m, 3, 4, 9, 14, s[14], s[15])
  }
  for (let i = 0; i < 16; i++) h[i] = word(h, i) ^ word(v, i) ^ word(v, i + 16)
}

/** a += b + x (64 bits each, low word first). */
function add(v: Uint32Array, a: number, b: number, x: Uint32Array, at: number): void {
  const low = word(v, a * 2) + word(v, b * 2) + word(x, at * 2)
  v[a * 2 + 1] = word(v, a * 2 + 1) + word(v, b * 2 + 1) + word(x, at * 2 + 1) + Math.floor(low / TWO_32)
  v[a * 2] = low
}

const ZERO = new Uint32Array(2)

/** d = (d ^ a) rotated right. */
function turn(v: Uint32Array, d: number, a: number, by: 32 | 24 | 16 | 63): void {
  const low = word(v, d * 2) ^ word(v, a * 2)
  const high = word(v, d * 2 + 1) ^ word(v, a * 2 + 1)
  if (by === 32) {
    v[d * 2] = high
    v[d * 2 + 1] = low
  } else if (by === 63) {
    v[d * 2] = (low << 1) | (high >>> 31)
    v[d * 2 + 1] = (high << 1) | (low >>> 31)
  } else {
    v[d * 2] = (low >>> by) | (high << (32 - by))
    v[d * 2 + 1] = (high >>> by) | (low << (32 - by))
  }
}

function mix(
  v: Uint32Array,
  m: Uint32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  x: number,
  y: number,
): void {
  add(v, a, b, m, x)
  turn(v, d, a, 32)
  add(v, c, d, ZERO, 0)
  turn(v, b, c, 24)
  add(v, a, b, m, y)
  turn(v, d, a, 16)
  add(v, c, d, ZERO, 0)
  turn(v, b, c, 63)
}
