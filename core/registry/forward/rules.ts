/** Decides whether an EventStore's answer may be believed: its leaves are ours, and its log only adds to what was seen. */
import { openCheckpoint, parseCheckpoint } from '#core/base/tlog/checkpoint.ts'
import { encodeCommitment, hashPayload } from '#core/base/tlog/commitment.ts'
import { type Hash, hashLeaf, sameBytes } from '#core/base/tlog/merkle.ts'
import { decodeBase64, parseNote, type Verifier } from '#core/base/tlog/note.ts'
import { verifyConsistency } from '#core/base/tlog/proofs.ts'
import type { AppendReply, ConsistencyProof } from '#core/wire/event-store.ts'

/** The EventStore contradicts itself or the journal: nothing more is told to it until an operator has looked. */
export class ForwarderHalted extends Error {
  readonly code = 'forwarder_halted'
  constructor(words: string) {
    super(`The forwarder has stopped: ${words}`)
    this.name = 'ForwarderHalted'
  }
}

export interface Seen {
  readonly origin: string
  readonly size: number
  readonly root: Hash
}

/** The leaf that the log must hold for a row of the journal. */
export const leafOf = (row: {
  source: string
  sourcesequence: bigint
  id: string
  salt: Uint8Array
  envelope: string
}): Hash =>
  hashLeaf(
    encodeCommitment({
      source: row.source,
      sequence: row.sourcesequence,
      id: row.id,
      payloadHash: hashPayload(row.salt, Buffer.from(row.envelope)),
    }),
  )

/**
 * Checks the receipts of a batch against the leaves that were sent, and reads the checkpoint.
 * @throws ForwarderHalted
 */
export function readReceipts(
  reply: AppendReply,
  leaves: readonly Hash[],
  verifier: Verifier | null,
): Seen & { checkpoint: string } {
  const { receipts, checkpoint } = reply
  const note = verifier ? openCheckpoint(checkpoint, [verifier]) : unverified(checkpoint)
  if (!note) throw new ForwarderHalted('the checkpoint is malformed or not signed by the known key.')
  if (receipts.length !== leaves.length)
    throw new ForwarderHalted(`${receipts.length} receipts came for ${leaves.length} events.`)
  for (const [i, receipt] of receipts.entries()) {
    const given = decodeBase64(receipt.leaf_hash)
    if (!given || !sameBytes(given, leaves[i] as Hash))
      throw new ForwarderHalted(
        `number ${receipt.sequence} of ${receipt.source} was receipted under another leaf than was sent.`,
      )
    if (receipt.index >= note.size)
      throw new ForwarderHalted(`the checkpoint of size ${note.size} does not cover index ${receipt.index}.`)
  }
  return { origin: note.origin, size: note.size, root: note.root, checkpoint }
}

function unverified(checkpoint: string) {
  const note = parseNote(checkpoint)
  return note && parseCheckpoint(note.text)
}

/**
 * Checks that the log only adds to what was seen before; `prove` is null where both have the same size.
 * @throws ForwarderHalted
 */
export function checkGrowth(before: Seen, after: Seen, proof: ConsistencyProof | null): void {
  if (before.origin !== after.origin)
    throw new ForwarderHalted(`the log calls itself ${after.origin}, before ${before.origin}.`)
  if (after.size < before.size)
    throw new ForwarderHalted(`the log has shrunk from ${before.size} to ${after.size} entries.`)
  const hashes = (proof?.proof ?? []).map(decodeBase64)
  const consistent =
    hashes.every((hash): hash is Hash => hash !== null) &&
    verifyConsistency({
      first: before.size,
      second: after.size,
      firstRoot: before.root,
      secondRoot: after.root,
      proof: hashes,
    })
  if (!consistent)
    throw new ForwarderHalted(`the log of ${after.size} entries does not continue the one of ${before.size}.`)
}

/**
 * What stands in the ledger for an event that a policy keeps from it. Its number is taken all the same: a source without
 * gaps is what shows that nothing was lost. Deterministic, so that every attempt tells the same bytes.
 */
export const writeWithheld = (row: {
  id: string
  source: string
  sourcesequence: bigint
  time: Date
  policyversion: number
}): string =>
  JSON.stringify({
    specversion: '1.0',
    id: row.id,
    source: row.source,
    type: 'event.withheld',
    time: row.time.toISOString(),
    sourcesequence: String(row.sourcesequence),
    policyversion: row.policyversion,
  })

/**
 * The document of a row that is told under another source and number than it was journaled under: the restored database
 * had given it used ones. Everything else of it is the same, and so is every attempt.
 */
export const writeRetold = (row: { envelope: string; source: string; sourcesequence: bigint }): string =>
  JSON.stringify({
    ...(JSON.parse(row.envelope) as Record<string, unknown>),
    source: row.source,
    sourcesequence: String(row.sourcesequence),
  })
