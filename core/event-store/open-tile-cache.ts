/** Tiles that were read lately: what a tile holds never changes, a partial one only gets longer. */
import { HASH_BYTES, type Hash } from '#core/base/tlog/merkle.ts'
import { foldInner, pickInner, TILE_WIDTH } from '#core/base/tlog/tiles.ts'

/** All tiles of a log of 262,144 events: a full tile has 8 KB, and as much again for the hashes inside of it. */
const BYTES_MAX = 16 * 1024 * 1024
/** Of a tile and its place among the others, beside the hashes. */
const BYTES_BESIDE = 512

export interface TileCache {
  /** The hashes of a tile, if at least so many are kept. */
  get(level: number, tile: number, width: number): Uint8Array | undefined
  put(level: number, tile: number, hashes: Uint8Array): void
  /** The hash over `count` hashes (a power of two above one) of a full tile that is kept; null: it is not, or is partial. */
  fold(level: number, tile: number, start: number, count: number): Hash | null
  /** The size that the log had when it was last read here; a guess of what it has now. 0: it was not read. */
  sizeSeen: number
}

interface Kept {
  readonly hashes: Uint8Array
  inner: Uint8Array | null
}

/** @param bytesMax what all of them may hold together */
export function openTileCache(bytesMax = BYTES_MAX): TileCache {
  const kept = new Map<string, Kept>()
  let bytes = 0
  const drop = (key: string) => {
    const found = kept.get(key)
    if (found) bytes -= bytesOf(found)
    kept.delete(key)
  }
  const dropOldest = () => {
    for (const key of kept.keys()) {
      if (bytes <= bytesMax) return
      drop(key)
    }
  }
  return {
    sizeSeen: 0,
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
      const key = `${level}/${tile}`
      drop(key)
      const one = { hashes, inner: null }
      kept.set(key, one)
      bytes += bytesOf(one)
      dropOldest()
    },
    fold(level, tile, start, count) {
      const found = kept.get(`${level}/${tile}`)
      if (found?.hashes.length !== TILE_WIDTH * HASH_BYTES) return null
      const inner = found.inner ?? foldInner(found.hashes)
      if (found.inner === null) {
        found.inner = inner
        bytes += inner.length
        dropOldest()
      }
      return pickInner(inner, start, count)
    },
  }
}

const bytesOf = ({ hashes, inner }: Kept): number => BYTES_BESIDE + hashes.length + (inner?.length ?? 0)
