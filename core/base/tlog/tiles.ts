/** C2SP tlog-tiles: where hashes and entries stand, the paths of tiles, and the bytes of entry bundles. */
import { foldPeaks, HASH_BYTES, type Hash, hashNode, hashText, type Node } from './merkle.ts'

/** Hashes of a full tile, entries of a full bundle. */
export const TILE_WIDTH = 256
export const TILE_HEIGHT = 8
/** Levels that a tree below 2 ** 53 leaves can have. */
export const LEVELS_MAX = 7
export const ENTRY_BYTES_MAX = 65_535

export interface Tile {
  readonly level: number
  readonly index: number
  /** Hashes in it: 1 to 256. */
  readonly width: number
}

/** The tiles of a tree, partial ones at the right edge included. An empty tile does not exist. */
export function tilesOf(size: number): Tile[] {
  const tiles: Tile[] = []
  for (let level = 0, count = size; count > 0; level++) {
    for (let index = 0; index * TILE_WIDTH < count; index++)
      tiles.push({ level, index, width: Math.min(TILE_WIDTH, count - index * TILE_WIDTH) })
    count = Math.floor(count / TILE_WIDTH)
  }
  return tiles
}

/** How many hashes a tile has in a tree of that size; 0: it does not exist there. */
export function widthIn(size: number, level: number, index: number): number {
  const count = Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH
  return Math.max(0, Math.min(TILE_WIDTH, count))
}

/** Where a subtree stands: the hashes of a tile from `start` on, `count` of them, fold to it. */
export function placeOf({ height, index }: Node): {
  level: number
  tile: number
  start: number
  count: number
} {
  const level = Math.floor(height / TILE_HEIGHT)
  const count = 2 ** (height % TILE_HEIGHT)
  const first = index * count
  return { level, tile: Math.floor(first / TILE_WIDTH), start: first % TILE_WIDTH, count }
}

/** The root over `count` hashes of a tile (a power of two). */
export function foldTile(hashes: Uint8Array, start: number, count: number): Hash {
  let row = Array.from({ length: count }, (_, i) =>
    hashes.subarray((start + i) * HASH_BYTES, (start + i + 1) * HASH_BYTES),
  )
  while (row.length > 1) {
    const above: Hash[] = []
    for (let i = 0; i + 1 < row.length; i += 2) above.push(hashNode(row[i] as Hash, row[i + 1] as Hash))
    row = above
  }
  return row[0] as Hash
}

/**
 * All inner hashes of a full tile: those over pairs, over fours, and so on up to its root. A proof asks for nearly as many, and
 * the next one through the same tile for none.
 */
export function foldInner(hashes: Uint8Array): Uint8Array {
  const inner = Buffer.alloc((TILE_WIDTH - 1) * HASH_BYTES)
  // Each row stands behind the one that it is made of, and is half as long; two hashes stand side by side as they are hashed.
  for (let i = 0; i < TILE_WIDTH - 1; i++) {
    const isFirstRow = i < TILE_WIDTH / 2
    const below = 2 * HASH_BYTES * (isFirstRow ? i : i - TILE_WIDTH / 2)
    pair.set((isFirstRow ? hashes : inner).subarray(below, below + 2 * HASH_BYTES), 1)
    inner.write(hashText(pair), i * HASH_BYTES, 'latin1')
  }
  return inner
}

/** A node before it is hashed: 0x01, left, right. */
const pair = new Uint8Array(1 + 2 * HASH_BYTES)
pair[0] = 1

/** The hash over `count` of a full tile's hashes from `start` on, which is a multiple of it, a power of two above one. */
export function pickInner(inner: Uint8Array, start: number, count: number): Hash {
  const place = TILE_WIDTH - (2 * TILE_WIDTH) / count + start / count
  return inner.slice(place * HASH_BYTES, (place + 1) * HASH_BYTES)
}

/** One hash of a proof from tiles; `read` gives the bytes of a tile. */
export const foldNodes = (nodes: readonly Node[], read: (level: number, tile: number) => Uint8Array): Hash =>
  foldPeaks(
    nodes.map((node) => {
      const { level, tile, start, count } = placeOf(node)
      return foldTile(read(level, tile), start, count)
    }),
  )

/** `1234067` as `x001/x234/067`, with `.p/<width>` when the tile is partial. */
export function formatTileIndex(index: number, width = TILE_WIDTH): string {
  const digits = String(index).padStart(3, '0')
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/\d{3}/g) ?? []
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return width === TILE_WIDTH ? path : `${path}.p/${width}`
}

/** The index and width in such a path; null when it is spelt in any other way than the one. */
export function parseTileIndex(path: string): { index: number; width: number } | null {
  const match = /^((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path)
  if (!match) return null
  const index = Number((match[1] as string).replaceAll(/[x/]/g, ''))
  const width = match[2] === undefined ? TILE_WIDTH : Number(match[2])
  const isPartial = match[2] !== undefined
  if (!Number.isSafeInteger(index) || (isPartial && width >= TILE_WIDTH)) return null
  return formatTileIndex(index, width) === path ? { index, width } : null
}

/** The bytes of a bundle: each entry behind its length in two bytes, the larger first. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0))
  let at = 0
  for (const entry of entries) {
    bytes[at] = entry.length >> 8
    bytes[at + 1] = entry.length & 0xff
    bytes.set(entry, at + 2)
    at += 2 + entry.length
  }
  return bytes
}

/** The entries of a bundle; null when its bytes do not end where an entry ends. */
export function decodeBundle(bytes: Uint8Array): Uint8Array[] | null {
  const entries: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + ((bytes[at] ?? 0) << 8) + (bytes[at + 1] ?? 0)
    if (at + 2 > bytes.length || end > bytes.length) return null
    entries.push(bytes.subarray(at + 2, end))
    at = end
  }
  return entries
}
