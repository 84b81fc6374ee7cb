/** Argon2id (RFC 9106), one lane, version 19: for hosts that have neither machine code nor a crypto with it. */
import { blake2b } from './blake2b.ts'

export interface Argon2Cost {
  /** KiB. */
  readonly memory: number
  readonly passes: number
}

const TYPE_ID = 2
const VERSION = 19
const LANES = 1
const SLICES = 4
/** 32-bit words of a block of 1 KiB. */
const WORDS = 256

/** @param length bytes of the tag */
export function argon2id(
  password: Uint8Array,
  salt: Uint8Array,
  cost: Argon2Cost,
  length: number,
): Uint8Array {
  const blocks = Math.floor(cost.memory / (4 * LANES)) * 4 * LANES
  const segment = blocks / SLICES
  const memory = new Uint32Array(blocks * WORDS)
  const seed = firstHash(password, salt, cost, length)
  for (const at of [0, 1]) {
    const first = longHash(concat(seed, le32(at), le32(0)), 1024)
    memory.set(new Uint32Array(first.buffer, 0, WORDS), at * WORDS)
  }
  const filler = openFiller(memory, blocks, segment, cost)
  for (let pass = 0; pass < cost.passes; pass++)
    for (let slice = 0; slice < SLICES; slice++) filler(pass, slice)
  const last = memory.slice((blocks - 1) * WORDS, blocks * WORDS)
  return longHash(new Uint8Array(last.buffer), length)
}

function firstHash(password: Uint8Array, salt: Uint8Array, cost: Argon2Cost, length: number): Uint8Array {
  const numbers = [LANES, length, cost.memory, cost.passes, VERSION, TYPE_ID].map(le32)
  const fields = [le32(password.length), password, le32(salt.length), salt, le32(0), le32(0)]
  return blake2b(concat(...numbers, ...fields), 64)
}

/** The hash of any length (section 3.3), in a buffer of its own. */
function longHash(input: Uint8Array, length: number): Uint8Array {
  const prefixed = concat(le32(length), input)
  if (length <= 64) return blake2b(prefixed, length)
  const out = new Uint8Array(length)
  let part = blake2b(prefixed, 64)
  let at = 0
  for (; length - at > 64; at += 32) {
    out.set(part.subarray(0, 32), at)
    const left = length - at - 32
    part = blake2b(part, Math.min(left, 64))
  }
  out.set(part, at)
  return out
}

/** Fills one segment after the other; the first half of the first pass by addresses that no memory decides. */
function openFiller(memory: Uint32Array, blocks: number, segment: number, cost: Argon2Cost) {
  const addresses = new Uint32Array(WORDS)
  const input = new Uint32Array(WORDS)
  const zero = new Uint32Array(WORDS)
  const work = new Uint32Array(WORDS)
  return (pass: number, slice: number): void => {
    const isFixed = pass === 0 && slice < SLICES / 2
    if (isFixed) {
      input.fill(0)
      input.set([pass, 0, 0, 0, slice, 0, blocks, 0, cost.passes, 0, TYPE_ID, 0])
    }
    for (let i = pass === 0 && slice === 0 ? 2 : 0; i < segment; i++) {
      const current = slice * segment + i
      const previous = (current === 0 ? blocks : current) - 1
      if (isFixed && (i % 128 === 0 || i === 2)) {
        if (i % 128 === 0 || input[12] === 0) {
          input[12] = (input[12] as number) + 1
          fill(zero, 0, input, 0, addresses, 0, false, work)
          fill(zero, 0, addresses, 0, addresses, 0, false, work)
        }
      }
      const random = (isFixed ? addresses[(i % 128) * 2] : memory[previous * WORDS]) as number
      const reference = choose(pass, slice, i, random, segment, blocks)
      fill(memory, previous * WORDS, memory, reference * WORDS, memory, current * WORDS, pass > 0, work)
    }
  }
}

/** Which block a block refers to (section 3.4.2), with one lane. */
function choose(
  pass: number,
  slice: number,
  i: number,
  random: number,
  segment: number,
  blocks: number,
): number {
  const area = pass === 0 ? slice * segment + i - 1 : blocks - segment + i - 1
  const x = mulHigh(random, random)
  const z = area - 1 - mulHigh(area, x)
  const start = pass === 0 || slice === SLICES - 1 ? 0 : (slice + 1) * segment
  return (start + z) % blocks
}

/** The high word of a product of two words. */
function mulHigh(a: number, b: number): number {
  const [ah, al, bh, bl] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const middle = ah * bl + ((al * bl) >>> 16)
  const other = (middle & 0xffff) + al * bh
  return (ah * bh + Math.floor(middle / 0x10000) + Math.floor(other / 0x10000)) >>> 0
}

/** The compression function G: out = P(x ^ y) ^ x ^ y, and ^ what stood there from the second pass on. */
function fill(
  x: Uint32Array,
  xAt: number,
  y: Uint32Array,
  yAt: number,
  out: Uint32Array,
  outAt: number,
  isLater: boolean,
  r: Uint32Array,
): void {
  const kept = keptBlock
  for (let i = 0; i < WORDS; i++) {
    const value = (x[xAt + i] as number) ^ (y[yAt + i] as number)
    r[i] = value
    kept[i] = isLater ? value ^ (out[outAt + i] as number) : value
  }
  for (let row = 0; row < 8; row++) permute(r, row * 32, 0)
  for (let column = 0; column < 8; column++) permute(r, column * 4, 28)
  for (let i = 0; i < WORDS; i++) out[outAt + i] = (r[i] as number) ^ (kept[i] as number)
}
const keptBlock = new Uint32Array(WORDS)

/** The round of BLAKE2b with multiplications, on sixteen 64-bit words: a row, or pairs of a column `gap` words apart. */
function permute(r: Uint32Array, at: number, gap: number): void {
  const w = placesOf(at, gap)
  mixed(r, w[0], w[4], w[8], w[12])
  mixed(r, w[1], w[5], w[9], w[13])
  mixed(r, w[2], w[6], w[10], w[14])
  mixed(r, w[3], w[7], w[11], w[15])
  mixed(r, w[0], w[5], w[10], w[15])
  mixed(r, w[1], w[6], w[11], w[12])
  mixed(r, w[2], w[7], w[8], w[13])
  mixed(r, w[3], w[4], w[9], w[14])
}

type Places = readonly number[] & {
  readonly [at in 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15]: number
}
const known = new Map<number, Places>()

function placesOf(at: number, gap: number): Places {
  const key = gap * WORDS + at
  const made =
    known.get(key) ??
    (Array.from({ length: 16 }, (_, i) => at + i * 2 + (i >>> 1) * gap) as readonly number[] as Places)
  known.set(key, made)
  return made
}

function mixed(r: Uint32Array, a: number, b: number, c: number, d: number): void {
  let al = r[a] as number
  let ah = r[a + 1] as number
  let bl = r[b] as number
  let bh = r[b + 1] as number
  let cl = r[c] as number
  let ch = r[c + 1] as number
  let dl = r[d] as number
  let dh = r[d + 1] as number
  for (let half = 0; half < 2; half++) {
    // a += b + 2 * low(a) * low(b)
    let ph = mulHigh(al, bl)
    let pl = Math.imul(al, bl)
    let low = (al >>> 0) + (bl >>> 0) + ((pl << 1) >>> 0)
    ah = (ah + bh + ((ph << 1) | (pl >>> 31)) + (low >= 0x200000000 ? 2 : low >= 0x100000000 ? 1 : 0)) | 0
    al = low | 0
    // d = (d ^ a) >>> 32, then 16
    let tl = dl ^ al
    let th = dh ^ ah
    if (half === 0) {
      dl = th
      dh = tl
    } else {
      dl = (tl >>> 16) | (th << 16)
      dh = (th >>> 16) | (tl << 16)
    }
    // c += d + 2 * low(c) * low(d)
    ph = mulHigh(cl, dl)
    pl = Math.imul(cl, dl)
    low = (cl >>> 0) + (dl >>> 0) + ((pl << 1) >>> 0)
    ch = (ch + dh + ((ph << 1) | (pl >>> 31)) + (low >= 0x200000000 ? 2 : low >= 0x100000000 ? 1 : 0)) | 0
    cl = low | 0
    // b = (b ^ c) >>> 24, then 63
    tl = bl ^ cl
    th = bh ^ ch
    if (half === 0) {
      bl = (tl >>> 24) | (th << 8)
      bh = (th >>> 24) | (tl << 8)
    } else {
      bl = (tl << 1) | (th >>> 31)
      bh = (th << 1) | (tl >>> 31)
    }
  }
  r[a] = al
  r[a + 1] = ah
  r[b] = bl
  r[b + 1] = bh
  r[c] = cl
  r[c + 1] = ch
  r[d] = dl
  r[d + 1] = dh
}

const le32 = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
