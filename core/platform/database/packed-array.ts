/** Lists without nulls as the server keeps them: it reads a list of thousands from its own bytes in a fifth of the time of text. */

const UUID = { oid: 2950, size: 16 }
const INT4 = { oid: 23, size: 4 }
const INT8 = { oid: 20, size: 8 }
const HEAD = 20
const LENGTH = 4

/** A parameter of an array type; a driver that can't send bytes in an array's place is given the text (`textOfPacked`). */
export class PackedArray {
  readonly list: readonly (string | number | bigint)[]
  readonly #pack: () => Buffer

  constructor(list: readonly (string | number | bigint)[], pack: () => Buffer) {
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
export const packIntegers = (list: readonly number[]): PackedArray =>
  new PackedArray(list, () => packed(list, INT4, (bytes, value, at) => bytes.writeInt32BE(value, at)))
/** bigint[] */
export const packBigints = (list: readonly bigint[]): PackedArray =>
  new PackedArray(list, () => packed(list, INT8, (bytes, value, at) => bytes.writeBigInt64BE(value, at)))

/** As array_recv reads it: dimensions (none of an empty one), no nulls, type, length, first index, then each with its size. */
function packed<T>(
  list: readonly T[],
  { oid, size }: { oid: number; size: number },
  write: (bytes: Buffer, value: T, at: number) => unknown,
): Buffer {
  const bytes = Buffer.alloc(list.length === 0 ? 12 : HEAD + list.length * (LENGTH + size))
  bytes.writeInt32BE(list.length === 0 ? 0 : 1, 0)
  bytes.writeInt32BE(oid, 8)
  if (list.length === 0) return bytes
  bytes.writeInt32BE(list.length, 12)
  bytes.writeInt32BE(1, 16)
  let at = HEAD
  for (const value of list) {
    bytes.writeInt32BE(size, at)
    write(bytes, value, at + LENGTH)
    at += LENGTH + size
  }
  return bytes
}

const DASH = 45
const NIBBLES = new Uint8Array(128).map((_, code) => Number.parseInt(String.fromCharCode(code), 16) || 0)

/** By hand: cutting the text and Buffer's own hex took three times as long. */
function writeUuid(bytes: Buffer, uuid: string, at: number): void {
  let to = at
  for (let i = 0; i < uuid.length; i++) {
    const code = uuid.charCodeAt(i)
    if (code === DASH) continue
    const low = uuid.charCodeAt(++i)
    bytes[to++] = ((NIBBLES[code] as number) << 4) | (NIBBLES[low] as number)
  }
}
