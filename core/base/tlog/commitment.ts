/** The entry of an event in the log: five lines that name it and commit to its document without telling it. */
import { HASH_BYTES, sha256 } from './merkle.ts'
import { decodeBase64, encodeBase64 } from './note.ts'

/** Bytes of the salt that hides a document whose content could be guessed. */
export const SALT_BYTES = 16

export interface Commitment {
  /** `/registries/<name>/<service>`, after a restore with `#<incarnation>`. */
  readonly source: string
  /** Number of the event within its source, from 1 without gaps. */
  readonly sequence: bigint
  readonly id: string
  /** SHA-256 over salt and document. */
  readonly payloadHash: Uint8Array
}

const HEAD = 'ninefold/event/v1'
/** Printable ASCII without blanks: one spelling, no line end. */
export const SOURCE_PATTERN = /^\/[\x21-\x7e]{1,254}$/
export const ID_PATTERN = /^[\x21-\x7e]{1,128}$/

/** SHA-256 over the salt and the exact bytes of the document. */
export const hashPayload = (salt: Uint8Array, payload: Uint8Array): Uint8Array =>
  sha256(Buffer.concat([salt, payload]))

/** The exact bytes that the log hashes as a leaf. */
export const encodeCommitment = ({ source, sequence, id, payloadHash }: Commitment): Uint8Array =>
  Buffer.from(`${HEAD}\n${source}\n${sequence}\n${id}\n${encodeBase64(payloadHash)}\n`, 'latin1')

/** Null when the bytes are not an entry in its one spelling. */
export function decodeCommitment(entry: Uint8Array): Commitment | null {
  const [head, source = '', sequence = '', id = '', hash = '', ...rest] = Buffer.from(entry)
    .toString('latin1')
    .split('\n')
  const payloadHash = decodeBase64(hash)
  if (head !== HEAD || rest.length !== 1 || rest[0] !== '' || payloadHash?.length !== HASH_BYTES) return null
  if (!SOURCE_PATTERN.test(source) || !ID_PATTERN.test(id) || !/^[1-9]\d{0,17}$/.test(sequence)) return null
  return { source, sequence: BigInt(sequence), id, payloadHash }
}
