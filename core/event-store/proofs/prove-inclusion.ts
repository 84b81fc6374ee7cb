/** Proves that an entry stands in the log: as hashes, or as one text that is verified offline. */
import { fail } from '#core/base/errors.ts'
import { formatProof } from '#core/base/tlog/checkpoint.ts'
import { foldPeaks, type Hash, hashLeaf, type Node, nodesOf } from '#core/base/tlog/merkle.ts'
import { encodeBase64 } from '#core/base/tlog/note.ts'
import { inclusionSteps } from '#core/base/tlog/proofs.ts'
import { foldTile, placeOf } from '#core/base/tlog/tiles.ts'
import type { InclusionProof } from '#core/wire/event-store.ts'
import type { EventStoreContext } from '../context.ts'
import { findPlace, readEntry } from '../log/read-log.ts'
import { readHeadWithTiles, readTiles, type TileReader } from '../log/read-tiles.ts'

type Steps = readonly (readonly Node[])[]

/** The folds over lists of subtrees of the tree of `size` leaves, from as few reads as there are tiles. */
export async function foldSteps(
  ctx: Pick<EventStoreContext, 'db' | 'tiles'>,
  steps: Steps,
  size: number,
): Promise<Hash[]> {
  return fold(ctx, steps, await readTiles(ctx, steps.flat().map(placeOf), size))
}

function fold({ tiles }: Pick<EventStoreContext, 'tiles'>, steps: Steps, read: TileReader): Hash[] {
  const one = (node: Node): Hash => {
    const { level, tile, start, count } = placeOf(node)
    const kept = count > 1 ? tiles.fold(level, tile, start, count) : null
    return kept ?? foldTile(read(level, tile), start, count)
  }
  return steps.map((nodes) => foldPeaks(nodes.map(one)))
}

/** What a proof in the tree of `size` leaves folds: the leaf, its tree where the head does not have its root, the way up. */
const stepsOf = (index: number, size: number, isNewest: boolean): Steps => [
  [{ height: 0, index }],
  ...(isNewest ? [] : [nodesOf(0, size)]),
  ...inclusionSteps(index, size),
]

/**
 * The proof for an index in the tree of `size` leaves (absent: the newest).
 * @throws 404 not_found when the log is not that far, or the index does not stand in that tree
 */
export async function proveInclusion(
  ctx: EventStoreContext,
  query: { index: number; size: number | undefined },
): Promise<InclusionProof> {
  const sizeOf = (headSize: number) => query.size ?? headSize
  const isInside = (headSize: number) => sizeOf(headSize) <= headSize && query.index < sizeOf(headSize)
  const stepsAt = (headSize: number) => stepsOf(query.index, sizeOf(headSize), sizeOf(headSize) === headSize)
  const { head, read } = await readHeadWithTiles(ctx, (headSize) =>
    isInside(headSize) ? { places: stepsAt(headSize).flat().map(placeOf), size: sizeOf(headSize) } : null,
  )
  if (!isInside(head.size))
    throw fail('not_found', `The log has ${head.size} entries; index ${query.index} is not in that tree.`)
  const size = sizeOf(head.size)
  const folded = fold(ctx, stepsAt(head.size), read)
  const leafHash = folded.shift() as Hash
  const root = size === head.size ? head.root : (folded.shift() as Hash)
  return {
    index: query.index,
    size,
    leaf_hash: encodeBase64(leafHash),
    root: encodeBase64(root),
    proof: folded.map(encodeBase64),
  }
}

/**
 * The offline proof of an entry under the newest checkpoint; the entry itself travels as extra data.
 * @throws 404 not_found
 */
export async function writeReceipt(
  ctx: EventStoreContext,
  place: { index: number } | { source: string; sequence: bigint },
): Promise<string> {
  const index = 'index' in place ? place.index : await findPlace(ctx, place.source, place.sequence)
  const entry = index === null ? null : await readEntry(ctx, index)
  if (index === null || entry === null) throw noEntry()
  const { head, read } = await readHeadWithTiles(ctx, (size) =>
    index < size ? { places: stepsOf(index, size, true).flat().map(placeOf), size } : null,
  )
  if (index >= head.size) throw noEntry()
  const [leaf, ...proof] = fold(ctx, stepsOf(index, head.size, true), read)
  // The tile and the entry are kept apart: a proof that would not verify is not given out.
  if (!leaf || !Buffer.from(leaf).equals(hashLeaf(entry)))
    throw new Error(`entry ${index} is not the one that the tree holds`)
  return formatProof({ extra: entry, index, proof, checkpoint: head.checkpoint })
}

const noEntry = () => fail('not_found', 'The log does not hold that entry.')
