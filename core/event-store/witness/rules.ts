/** Reads the body of add-checkpoint. */
import { isCount } from '#core/base/tlog/checkpoint.ts'
import { HASH_BYTES, type Hash } from '#core/base/tlog/merkle.ts'
import { decodeBase64 } from '#core/base/tlog/note.ts'

const PROOF_HASHES_MAX = 63

export interface AddCheckpoint {
  readonly old: number
  readonly proof: readonly Hash[]
  /** The signed note. */
  readonly checkpoint: string
}

/** `old N`, proof lines, a blank line, the checkpoint; null when malformed. */
export function parseAddCheckpoint(body: string): AddCheckpoint | null {
  const end = body.indexOf('\n\n')
  if (end < 0) return null
  const [first = '', ...lines] = body.slice(0, end).split('\n')
  const old = /^old (\d+)$/.exec(first)?.[1] ?? ''
  const proof = lines.map(decodeBase64)
  if (!isCount(old) || proof.length > PROOF_HASHES_MAX) return null
  if (!proof.every((hash): hash is Hash => hash?.length === HASH_BYTES)) return null
  return { old: Number(old), proof, checkpoint: body.slice(end + 2) }
}
