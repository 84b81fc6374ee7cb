/** The sequencer's picture of the tree: its right edge and the partial tiles, grown leaf by leaf. */
import { addLeaf, type Edge, emptyEdge, type Hash, nodesOf, rootOf } from '#core/base/tlog/merkle.ts'
import { foldTile, LEVELS_MAX, placeOf, TILE_HEIGHT, TILE_WIDTH } from '#core/base/tlog/tiles.ts'

export interface Tree {
  readonly edge: Edge
  /** The hashes of the partial tile at the right edge, by level. */
  readonly rows: Hash[][]
}

export interface FullTile {
  readonly level: number
  readonly index: number
  readonly hashes: Uint8Array
  readonly root: Hash
}

export const emptyTree = (): Tree => ({
  edge: emptyEdge(),
  rows: Array.from({ length: LEVELS_MAX }, () => []),
})

/** Adds leaves. @returns the tiles that became full */
export function growTree(tree: Tree, leaves: readonly Hash[]): FullTile[] {
  const full: FullTile[] = []
  for (const leaf of leaves)
    addLeaf(tree.edge, leaf, ({ height, index }, hash) => {
      if (height % TILE_HEIGHT !== 0) return
      const level = height / TILE_HEIGHT
      const below = tree.rows[level - 1]
      if (below) {
        // This subtree is a full tile of the level below, and its root a hash of this level.
        full.push({ level: level - 1, index, hashes: Buffer.concat(below), root: hash })
        below.length = 0
      }
      tree.rows[level]?.push(hash)
    })
  return full
}

/** The tiles at the right edge of a tree that are not full: where its picture is read from. */
export function partialTiles(size: number): { level: number; index: number; width: number }[] {
  const tiles: { level: number; index: number; width: number }[] = []
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH))
    if (count % TILE_WIDTH > 0)
      tiles.push({ level, index: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH })
  return tiles
}

/** The picture from the partial tiles of a tree, by level. */
export function restoreTree(size: number, hashesOf: (level: number) => Uint8Array): Tree {
  const tree = emptyTree()
  for (const { level, width } of partialTiles(size)) {
    const bytes = hashesOf(level)
    const row = tree.rows[level] as Hash[]
    for (let i = 0; i < width; i++) row.push(bytes.slice(i * 32, (i + 1) * 32))
  }
  for (const node of nodesOf(0, size)) {
    const { level, start, count } = placeOf(node)
    tree.edge.peaks.push(foldTile(Buffer.concat(tree.rows[level] as Hash[]), start, count))
  }
  tree.edge.size = size
  return tree
}

export const treeRoot = (tree: Tree): Hash => rootOf(tree.edge)
