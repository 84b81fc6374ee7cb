/** Proves that an earlier tree is the beginning of a later one. */
import { fail } from '#core/base/errors.ts'
import { EMPTY_ROOT, type Hash, nodesOf } from '#core/base/tlog/merkle.ts'
import { encodeBase64 } from '#core/base/tlog/note.ts'
import { consistencySteps } from '#core/base/tlog/proofs.ts'
import type { ConsistencyProof } from '#core/wire/event-store.ts'
import type { EventStoreContext } from '../context.ts'
import { readHead } from '../log/read-log.ts'
import { foldSteps } from './prove-inclusion.ts'

/**
 * From the tree of `first` leaves to that of `second` (absent: the newest).
 * @throws 404 not_found when the log is not that far
 */
export async function proveConsistency(
  ctx: EventStoreContext,
  query: { first: number; second: number | undefined },
): Promise<ConsistencyProof> {
  const head = await readHead(ctx)
  const { first } = query
  const second = query.second ?? head.size
  if (second > head.size || first > second)
    throw fail('not_found', `The log has ${head.size} entries: there is nothing from ${first} to ${second}.`)
  const roots = [first, second].filter((size) => size > 0).map((size) => nodesOf(0, size))
  const folded = await foldSteps(ctx, [...roots, ...consistencySteps(first, second)], second)
  const rootOf = (size: number) => (size === 0 ? EMPTY_ROOT : (folded.shift() as Hash))
  const [firstRoot, secondRoot] = [rootOf(first), rootOf(second)]
  return {
    first,
    second,
    first_root: encodeBase64(firstRoot),
    second_root: encodeBase64(secondRoot),
    proof: folded.map(encodeBase64),
  }
}
