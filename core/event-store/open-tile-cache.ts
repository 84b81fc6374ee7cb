/** Tiles that were read lately: what a tile holds never changes, a partial one only gets longer. */

/** 8 KB each at most. */
const TILES_MAX = 512

export interface TileCache {
  /** The hashes of a tile, if at least so many are kept. */
  get(level: number, tile: number, width: number): Uint8Array | undefined
  put(level: number, tile: number, hashes: Uint8Array): void
}

export function openTileCache(tilesMax = TILES_MAX): TileCache {
  const kept = new Map<string, Uint8Array>()
  return {
    get(level, tile, width) {
      const key = `${level}/${tile}`
      const found = kept.get(key)
      if (!found || found.length < width * 32) return undefined
      // The newest stands last, and the first goes first.
      kept.delete(key)
      kept.set(key, found)
      return found
    },
    put(level, tile, hashes) {
      kept.set(`${level}/${tile}`, hashes)
      if (kept.size > tilesMax) kept.delete(kept.keys().next().value as string)
    },
  }
}
