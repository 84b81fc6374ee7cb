/** Tiles that were read lately: what a tile holds never changes, a partial one only gets longer. */
import { HASH_BYTES, type Hash } from '#core/base/tlog/merkle.ts'
import { foldInner, pickInner, TILE_WIDTH } from '#core/base/tlog/tiles.ts'

/** 8 KB each at most, and as much for the hashes inside of it. */
const TILES_MAX = 512

export interface TileCache {
  /** The hashes of a tile, if at least so many are kept. */
  get(level: number, tile: number, width: number): Uint8Array | undefined
  put(level: number, tile: number, hashes: Uint8Array): void
  /** The hash over `count` hashes (a power of two above one) of a full tile that is kept; null: it is not, or is partial. */
  fold(level: number, tile: number, start: number, count: number): Hash | null
}

interface Kept {
  readonly hashes: Uint8Array
  inner: Uint8Array | null
}

export function openTileCache(tilesMax = TILES_MAX): TileCache {
  const kept = new Map<string, Kept>()
  return {
    get(level, tile, width) {
      const key = `${level}/${tile}`
      const found = kept.get(key)
      if (!found || found.hashes.length < width * HASH_BYTES) return undefined
      // The newest stands last, and the first goes first.
      kept.delete(key)
      kept.set(key, found)
      return found.hashes
    },
    put(level, tile, hashes) {
      kept.set(`${level}/${tile}`, { hashes, inner: null })
      if (kept.size > tilesMax) kept.delete(kept.keys().next().value as string)
    },
    fold(level, tile, start, count) {
      const found = kept.get(`${level}/${tile}`)
      if (found?.hashes.length !== TILE_WIDTH * HASH_BYTES) return null
      found.inner ??= foldInner(found.hashes)
      return pickInner(found.inner, start, count)
    },
  }
}
