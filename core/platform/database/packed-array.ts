/** Lists without nulls as the server keeps them: it reads a list of thousands from its own bytes in a fifth of the time of text. */

const UUID = { oid: 2950, size: 16 }
const INT4 = { oid: 23, size: 4 }
const INT8 = { oid: 20, size: 8 }
const HEAD = 20
const LENGTH = 4

type List = readonly (string | number | bigint)[] | Float64Array | Int32Array

/** A parameter of an array type; a driver that can't send bytes in an array's place is given the text (`textOfPacked`). */
export class PackedArray {
  readonly list: List
  readonly #pack: () => Buffer

  constructor(list: List, pack: () => Buffer) {
    this.list = list
    this.#pack = pack
  }
  /** pg asks for it when it writes the parameter, and sends a Buffer as bytes. */
  toPostgres(): Buffer {
    return this.#pack()
  }
  /** The literal: nothing in such a list needs quoting. */
  toString(): string {
    return `{${this.list.join(',')}}`
  }
}

export const textOfPacked = (param: unknown): unknown => (param instanceof PackedArray ? `${param}` : param)

/** uuid[]; each in its canonical form. */
export const packUuids = (list: readonly string[]): PackedArray =>
  new PackedArray(list, () => packed(list, UUID, writeUuid))
/** integer[] */
export const packIntegers = (list: readonly number[] | Int32Array): PackedArray =>
  new PackedArray(list, () => packed(list, INT4, (view, value, at) => view.setInt32(at, value)))
/** bigint[] */
export const packBigints = (list: readonly bigint[]): PackedArray =>
  new PackedArray(list, () => packed(list, INT8, (view, value, at) => view.setBigInt64(at, value)))

/** bigint[] of whole numbers from -(2^53 - 1) to 2^53 - 1: in two halves, since making a bigint of each takes longer. */
export const packWholes = (list: Float64Array): PackedArray =>
  new PackedArray(list, () => packed(list, INT8, writeWhole))

const HALF = 2 ** 32

function writeWhole(view: DataView, value: number, at: number): void {
  if (!Number.isSafeInteger(value)) throw new TypeError(`${value} is no safe whole number`)
  view.setInt32(at, Math.floor(value / HALF))
  view.setUint32(at + LENGTH, value >>> 0)
}

/** As array_recv reads it: dimensions (none of an empty one), no nulls, type, length, first index, then each with its size. */
function packed<T>(
  list: ArrayLike<T>,
  { oid, size }: { oid: number; size: number },
  write: (view: DataView, value: T, at: number) => void,
): Buffer {
  const bytes = Buffer.alloc(list.length === 0 ? 12 : HEAD + list.length * (LENGTH + size))
  // A tenth of what Buffer's own writers take, which check every value.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  view.setInt32(8, oid)
  if (list.length === 0) return bytes
  view.setInt32(0, 1)
  view.setInt32(12, list.length)
  view.setInt32(16, 1)
  let at = HEAD
  for (let i = 0; i < list.length; i++) {
    view.setInt32(at, size)
    write(view, list[i] as T, at + LENGTH)
    at += LENGTH + size
  }
  return bytes
}

const NO_DIGIT = 0xff
const NIBBLES = new Uint8Array(128).map((_, code) => {
  const nibble = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(nibble) ? NO_DIGIT : nibble
})
const DIGITS = 36

/** By hand: cutting the text and Buffer's own hex took longer. */
function writeUuid(view: DataView, uuid: string, at: number): void {
  let to = at
  for (let i = 0; i < DIGITS; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) i++
    const high = NIBBLES[uuid.charCodeAt(i)] ?? NO_DIGIT
    const low = NIBBLES[uuid.charCodeAt(i + 1)] ?? NO_DIGIT
    if ((high | low) === NO_DIGIT) throw new TypeError(`${JSON.stringify(uuid)} is no UUID`)
    view.setUint8(to++, (high << 4) | low)
  }
  if (uuid.length !== DIGITS) throw new TypeError(`${JSON.stringify(uuid)} is no UUID`)
}
