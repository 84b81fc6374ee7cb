/** Loads the sequencer's picture of the log and checks it against the head: a damaged log is not written on. */
import { sameBytes } from '#core/base/tlog/merkle.ts'
import type { Queryable } from '#core/platform/database/database.ts'
import { partialTiles, restoreTree, type Tree, treeRoot } from './grow-tree.ts'
import { findHead, findTiles } from './queries.ts'

export interface Picture {
  readonly tree: Tree
  root: Uint8Array
  checkpoint: string
  /** Sources seen so far: their id and last number, as of the tree. */
  readonly sources: Map<string, { readonly id: number; last: bigint }>
}

/** What the tables say does not give the root that was signed: nothing is appended until somebody has looked. */
export class LogDamaged extends Error {
  constructor(words: string) {
    super(`The log is damaged: ${words}`)
    this.name = 'LogDamaged'
  }
}

/** @throws LogDamaged */
export async function loadPicture(db: Queryable): Promise<Picture> {
  const head = await findHead(db)
  const size = Number(head.size)
  const wanted = partialTiles(size)
  const rows =
    wanted.length === 0
      ? []
      : await findTiles(
          db,
          wanted.map(({ level }) => level),
          wanted.map(({ index }) => index),
        )
  const bytes = new Map(rows.map((row) => [row.level, row.hashes]))
  for (const { level, width } of wanted)
    if ((bytes.get(level)?.length ?? 0) < width * 32)
      throw new LogDamaged(`the tile at its right edge of level ${level} is not whole`)
  const tree = restoreTree(size, (level) => bytes.get(level) as Uint8Array)
  if (!sameBytes(treeRoot(tree), head.root))
    throw new LogDamaged(`its hashes give another root than the one signed at size ${size}`)
  return { tree, root: head.root, checkpoint: head.checkpoint, sources: new Map() }
}
