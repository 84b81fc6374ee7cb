/** C2SP signed notes: a text with signature lines of named Ed25519 keys, and the timestamped cosignatures of witnesses. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { sha256 } from './merkle.ts'

/** Signature types of the note specification. */
export const NOTE_ED25519 = 0x01
export const COSIGNATURE_ED25519 = 0x04
/** More signatures than a note may need to have (the specification asks for 16 at least). */
const SIGNATURES_MAX = 64
const NOTE_BYTES_MAX = 64 * 1024

export interface Verifier {
  readonly name: string
  readonly type: typeof NOTE_ED25519 | typeof COSIGNATURE_ED25519
  /** The first four bytes of every signature, in hex. */
  readonly id: string
  readonly key: KeyObject
  /** The key in the form that verifiers are configured with: name+id+base64. */
  readonly text: string
}

export interface Signer {
  readonly verifier: Verifier
  /** One signature line with its line end; a cosignature is of the given second (since 1970). */
  sign(text: string, second?: number): string
}

export interface SignatureLine {
  readonly name: string
  readonly id: string
  readonly signature: Uint8Array
}

export interface Note {
  /** With its final line end. */
  readonly text: string
  readonly signatures: readonly SignatureLine[]
}

const PRIVATE_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** True for what may name a key: not empty, no blank, no plus. */
export const isKeyName = (name: string): boolean => /^[^\s+\p{Z}\p{C}]{1,200}$/u.test(name)

/** Standard base64 in its one spelling; null for any other. */
export function decodeBase64(text: string): Uint8Array | null {
  if (!BASE64.test(text)) return null
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? new Uint8Array(bytes) : null
}
export const encodeBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')

function makeVerifier(name: string, type: Verifier['type'], raw: Uint8Array): Verifier {
  const head = Buffer.concat([Buffer.from(`${name}\n`), Buffer.from([type]), raw])
  const id = Buffer.from(sha256(head).subarray(0, 4)).toString('hex')
  const material = encodeBase64(Buffer.concat([Buffer.from([type]), raw]))
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, raw]), format: 'der', type: 'spki' })
  return { name, type, id, key, text: `${name}+${id}+${material}` }
}

/** Reads a verifier key `name+id+base64`; null when it is malformed, of another type, or its id is not that of the key. */
export function parseVerifier(text: string): Verifier | null {
  const match = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text)
  const [, name = '', id, material = ''] = match ?? []
  const bytes = match && isKeyName(name) ? decodeBase64(material) : null
  const type = bytes?.[0]
  if (bytes?.length !== 33 || (type !== NOTE_ED25519 && type !== COSIGNATURE_ED25519)) return null
  const verifier = makeVerifier(name, type, bytes.subarray(1))
  return verifier.id === id ? verifier : null
}

/** A signer of a 32 byte seed. */
export function openSigner(name: string, seed: Uint8Array, type: Verifier['type'] = NOTE_ED25519): Signer {
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: 'der', type: 'pkcs8' })
  const raw = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x as string, 'base64url')
  const verifier = makeVerifier(name, type, raw)
  const line = (signature: Uint8Array) =>
    `— ${name} ${encodeBase64(Buffer.concat([Buffer.from(verifier.id, 'hex'), signature]))}\n`
  return {
    verifier,
    sign(text, second = 0) {
      if (type === NOTE_ED25519) return line(sign(null, Buffer.from(text), key))
      const time = Buffer.alloc(8)
      time.writeBigUInt64BE(BigInt(second))
      return line(Buffer.concat([time, sign(null, cosigned(text, second), key)]))
    },
  }
}

/** `PRIVATE+KEY+name+id+base64(0x01, seed)`, the form of other tools for signed notes; null when malformed. */
export function parseSigningKey(text: string): { name: string; seed: Uint8Array } | null {
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text)
  const [, name = '', id, material = ''] = match ?? []
  const bytes = match && isKeyName(name) ? decodeBase64(material) : null
  if (bytes?.length !== 33 || bytes[0] !== NOTE_ED25519) return null
  const seed = bytes.subarray(1)
  return openSigner(name, seed).verifier.id === id ? { name, seed } : null
}

export const formatSigningKey = (name: string, seed: Uint8Array): string =>
  `PRIVATE+KEY+${name}+${openSigner(name, seed).verifier.id}+${encodeBase64(Buffer.concat([Buffer.from([NOTE_ED25519]), seed]))}`

const cosigned = (text: string, second: number) => Buffer.from(`cosignature/v1\ntime ${second}\n${text}`)

/** Takes a note apart without believing it; null when it is malformed. */
export function parseNote(note: string): Note | null {
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || note.length > NOTE_BYTES_MAX || /[^\P{Cc}\n]/u.test(note)) return null
  const text = note.slice(0, end + 1)
  const lines = note.slice(end + 2).split('\n')
  if (lines.pop() !== '' || lines.length === 0 || lines.length > SIGNATURES_MAX) return null
  const signatures: SignatureLine[] = []
  for (const line of lines) {
    const [, name = '', material = ''] = /^— (\S+) (\S+)$/.exec(line) ?? []
    const bytes = isKeyName(name) ? decodeBase64(material) : null
    if (!bytes || bytes.length < 5) return null
    const id = Buffer.from(bytes.subarray(0, 4)).toString('hex')
    signatures.push({ name, id, signature: bytes.subarray(4) })
  }
  return { text, signatures }
}

/** True when a key that is known has signed the note, and no line that claims to be of a known key is false. */
export function isSignedBy(note: Note, verifiers: readonly Verifier[]): boolean {
  let found = false
  for (const line of note.signatures) {
    const verifier = verifiers.find(({ name, id }) => name === line.name && id === line.id)
    if (!verifier) continue
    if (!checkLine(note.text, line, verifier)) return false
    found = true
  }
  return found
}

function checkLine(text: string, { signature }: SignatureLine, { type, key }: Verifier): boolean {
  if (type === NOTE_ED25519) return signature.length === 64 && verify(null, Buffer.from(text), key, signature)
  if (signature.length !== 72) return false
  const second = Buffer.from(signature.subarray(0, 8)).readBigUInt64BE()
  if (second > BigInt(Number.MAX_SAFE_INTEGER)) return false
  return verify(null, cosigned(text, Number(second)), key, signature.subarray(8))
}
