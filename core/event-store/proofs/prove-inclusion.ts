/** Proves that an entry stands in the log: as hashes, or as one text that is verified offline. */
import { fail } from '#core/base/errors.ts'
import { formatProof } from '#core/base/tlog/checkpoint.ts'
import { foldPeaks, type Hash, hashLeaf, type Node, nodesOf } from '#core/base/tlog/merkle.ts'
import { encodeBase64 } from '#core/base/tlog/note.ts'
import { inclusionSteps } from '#core/base/tlog/proofs.ts'
import { foldTile, placeOf } from '#core/base/tlog/tiles.ts'
import type { InclusionProof } from '#core/wire/event-store.ts'
import type { EventStoreContext } from '../context.ts'
import { findPlace, readEntry, readHead } from '../log/read-log.ts'
import { readTiles } from '../log/read-tiles.ts'

/** The folds over lists of subtrees of the tree of `size` leaves, from as few reads as there are tiles. */
export async function foldSteps(
  ctx: Pick<EventStoreContext, 'db' | 'tiles'>,
  steps: readonly (readonly Node[])[],
  size: number,
): Promise<Hash[]> {
  const read = await readTiles(ctx, steps.flat().map(placeOf), size)
  const fold = (node: Node): Hash => {
    const { level, tile, start, count } = placeOf(node)
    const kept = count > 1 ? ctx.tiles.fold(level, tile, start, count) : null
    return kept ?? foldTile(read(level, tile), start, count)
  }
  return steps.map((nodes) => foldPeaks(nodes.map(fold)))
}

/**
 * The proof for an index in the tree of `size` leaves (absent: the newest).
 * @throws 404 not_found when the log is not that far, or the index does not stand in that tree
 */
export async function proveInclusion(
  ctx: EventStoreContext,
  query: { index: number; size: number | undefined },
): Promise<InclusionProof> {
  const head = await readHead(ctx)
  const size = query.size ?? head.size
  if (size > head.size || query.index >= size)
    throw fail('not_found', `The log has ${head.size} entries; index ${query.index} is not in that tree.`)
  const leaf = { height: 0, index: query.index }
  // The root of the newest tree stands in the head.
  const whole = size === head.size ? [] : [nodesOf(0, size)]
  const folded = await foldSteps(ctx, [[leaf], ...whole, ...inclusionSteps(query.index, size)], size)
  const leafHash = folded.shift() as Hash
  const root = whole.length > 0 ? (folded.shift() as Hash) : head.root
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
  const head = await readHead(ctx)
  const entry = index === null ? null : await readEntry(ctx, index)
  if (index === null || entry === null || index >= head.size)
    throw fail('not_found', 'The log does not hold that entry.')
  const steps = [[{ height: 0, index }], ...inclusionSteps(index, head.size)]
  const [leaf, ...proof] = await foldSteps(ctx, steps, head.size)
  // The tile and the entry are kept apart: a proof that would not verify is not given out.
  if (!leaf || !Buffer.from(leaf).equals(hashLeaf(entry)))
    throw new Error(`entry ${index} is not the one that the tree holds`)
  return formatProof({ extra: entry, index, proof, checkpoint: head.checkpoint })
}
