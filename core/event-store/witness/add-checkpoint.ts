/** Cosigns the checkpoint of another log after checking that it only adds to the one cosigned before. */
import { fail as failCommon } from '#core/base/errors.ts'
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '#core/base/tlog/checkpoint.ts'
import { EMPTY_ROOT, sameBytes } from '#core/base/tlog/merkle.ts'
import { parseNote } from '#core/base/tlog/note.ts'
import { verifyConsistency } from '#core/base/tlog/proofs.ts'
import type { EventStoreContext } from '../context.ts'
import { fail } from './errors.ts'
import { findWitnessed, moveWitnessed } from './queries.ts'
import { parseAddCheckpoint } from './rules.ts'

/** What the caller gets: cosignature lines, or the size that it should have started from. */
export type Cosigned = { readonly lines: string } | { readonly size: number }

/**
 * @throws 400 validation_failed, 403 checkpoint_not_signed, 404 not_found (unknown log), 409 checkpoint_conflict,
 *   422 proof_invalid
 */
export async function addCheckpoint(ctx: EventStoreContext, body: string): Promise<Cosigned> {
  const asked = parseAddCheckpoint(body)
  const note = asked && parseNote(asked.checkpoint)
  const claimed = note && parseCheckpoint(note.text)
  if (!asked || !note || !claimed)
    throw failCommon(
      'validation_failed',
      'The body must be: old <size>, proof lines, a blank line, a checkpoint.',
    )
  const trusted = ctx.witnessed.filter(({ name }) => name === claimed.origin)
  if (trusted.length === 0) throw failCommon('not_found', 'This witness does not know that log.')
  const checkpoint = openCheckpoint(asked.checkpoint, trusted)
  if (!checkpoint) throw fail('checkpoint_not_signed')
  if (asked.old > checkpoint.size)
    throw failCommon('validation_failed', 'The old size must not be larger than that of the checkpoint.')
  const row = await findWitnessed(ctx.db, checkpoint.origin)
  const before = row ? { size: Number(row.size), root: row.root } : null
  const size = before?.size ?? 0
  if (asked.old !== size) return { size }
  check(checkpoint, before ?? { size: 0, root: EMPTY_ROOT }, asked.proof)
  const next = { ...checkpoint, checkpoint: asked.checkpoint }
  // Checked and recorded against the same state: a rival that was faster makes this one start again.
  if (!(await moveWitnessed(ctx.db, next, before, ctx.time))) {
    const moved = await findWitnessed(ctx.db, checkpoint.origin)
    return { size: Number(moved?.size ?? 0) }
  }
  const second = Math.floor(ctx.clock.now().getTime() / 1000)
  return { lines: ctx.keys.witness.sign(note.text, second) }
}

function check(
  checkpoint: Checkpoint,
  before: { size: number; root: Uint8Array },
  proof: readonly Uint8Array[],
): void {
  if (checkpoint.size === before.size && !sameBytes(checkpoint.root, before.root))
    throw fail('checkpoint_conflict', 'A tree of that size with another root was cosigned before.')
  const consistent = verifyConsistency({
    first: before.size,
    second: checkpoint.size,
    firstRoot: before.root,
    secondRoot: checkpoint.root,
    proof,
  })
  if (!consistent) throw fail('proof_invalid')
}
