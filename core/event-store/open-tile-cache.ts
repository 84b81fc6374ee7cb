/** Full tiles that were read lately: they never change, and proofs share the upper ones. */

/** 8 KB each. */
const TILES_MAX = 512

export interface TileCache {
  get(level: number, tile: number): Uint8Array | undefined
  /** Keeps a tile of 256 hashes; any other is not full and not kept. */
  put(level: number, tile: number, hashes: Uint8Array): void
}

export function openTileCache(tilesMax = TILES_MAX): TileCache {
  const kept = new Map<string, Uint8Array>()
  return {
    get(level, tile) {
      const key = `${level}/${tile}`
      const found = kept.get(key)
      if (found) {
        // The newest stands last, and the first goes first.
        kept.delete(key)
        kept.set(key, found)
      }
      return found
    },
    put(level, tile, hashes) {
      if (hashes.length !== 8192) return
      kept.set(`${level}/${tile}`, hashes)
      if (kept.size > tilesMax) kept.delete(kept.keys().next().value as string)
    },
  }
}
