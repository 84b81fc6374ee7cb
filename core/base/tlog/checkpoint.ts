/** C2SP checkpoints (origin, size and root in a signed note) and offline proofs (tlog-proof): index, hashes, checkpoint. */
import { HASH_BYTES, type Hash, hashLeaf } from './merkle.ts'
import { decodeBase64, encodeBase64, isSignedBy, type Note, parseNote, type Verifier } from './note.ts'
import { verifyInclusion } from './proofs.ts'

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Hash
}

/** The text that is signed. */
export const formatCheckpoint = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${encodeBase64(root)}\n`

/** Reads the text of a checkpoint; lines after the third are extensions and are not looked at. Null when malformed. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const [origin = '', size = '', root = '', ...rest] = text.split('\n')
  if (rest.pop() !== '' || rest.some((line) => line === '')) return null
  const hash = decodeBase64(root)
  if (origin === '' || !isCount(size) || hash?.length !== HASH_BYTES) return null
  return { origin, size: Number(size), root: hash }
}

/** A decimal number without leading zero, below 2 ** 53. */
export const isCount = (text: string): boolean =>
  /^(0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text))

/** A checkpoint whose note one of the keys has signed under the checkpoint's own origin; null for all else. */
export function openCheckpoint(
  note: string,
  verifiers: readonly Verifier[],
): (Checkpoint & { note: Note }) | null {
  const parsed = parseNote(note)
  if (!parsed || !isSignedBy(parsed, verifiers)) return null
  const checkpoint = parseCheckpoint(parsed.text)
  return checkpoint && { ...checkpoint, note: parsed }
}

const PROOF_HEAD = 'c2sp.org/tlog-proof@v1'
const PROOF_HASHES_MAX = 63

export interface OfflineProof {
  /** Not covered by anything; null: none. */
  readonly extra: Uint8Array | null
  readonly index: number
  readonly proof: readonly Hash[]
  /** The signed note. */
  readonly checkpoint: string
}

export function formatProof({ extra, index, proof, checkpoint }: OfflineProof): string {
  const lines = [
    PROOF_HEAD,
    ...(extra ? [`extra ${encodeBase64(extra)}`] : []),
    `index ${index}`,
    ...proof.map(encodeBase64),
    '',
  ]
  return `${lines.join('\n')}\n${checkpoint}`
}

/** Null when malformed. */
export function parseProof(text: string): OfflineProof | null {
  const end = text.indexOf('\n\n')
  if (end < 0) return null
  const lines = text.slice(0, end).split('\n')
  if (lines.shift() !== PROOF_HEAD) return null
  const extra = lines[0]?.startsWith('extra ') ? decodeBase64((lines.shift() as string).slice(6)) : undefined
  const index = /^index (\d+)$/.exec(lines.shift() ?? '')?.[1] ?? ''
  const proof = lines.map(decodeBase64)
  if (extra === null || !isCount(index) || proof.length > PROOF_HASHES_MAX) return null
  if (!proof.every((hash): hash is Hash => hash?.length === HASH_BYTES)) return null
  return { extra: extra ?? null, index: Number(index), proof, checkpoint: text.slice(end + 2) }
}

/** True when the proof shows, by its checkpoint of one of these keys, that the log holds the entry. */
export function verifyProof(proof: OfflineProof, entry: Uint8Array, verifiers: readonly Verifier[]): boolean {
  const checkpoint = openCheckpoint(proof.checkpoint, verifiers)
  return (
    checkpoint !== null &&
    verifyInclusion({
      index: proof.index,
      size: checkpoint.size,
      leaf: hashLeaf(entry),
      proof: proof.proof,
      root: checkpoint.root,
    })
  )
}
