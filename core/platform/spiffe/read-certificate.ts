/** Reads what the SPIFFE rules ask of a certificate: URIs, uses, whether it may sign others. */
import { X509Certificate } from 'node:crypto'
import { type Element, readElement, readElements, tags, writeOid } from '#core/base/der.ts'

/** The extensions that matter. */
export interface CertificateFacts {
  /** Every URI among the subject alternative names, as written. */
  readonly uris: readonly string[]
  readonly isAuthority: boolean
  /** Authorities that may follow below it; null: any number. */
  readonly pathLength: number | null
  readonly keyUsage: { readonly isCritical: boolean; readonly bits: number } | null
  /** Object identifiers, as DER in hex; null: the extension is absent. */
  readonly extendedUses: readonly string[] | null
}

/** Bits of KeyUsage, the first one highest. */
export const uses = { digitalSignature: 0x8000, certSign: 0x0400, crlSign: 0x0200 } as const

const hexOf = (oid: string) => Buffer.from(writeOid(oid)).toString('hex')
const oids = {
  keyUsage: hexOf('2.5.29.15'),
  alternativeNames: hexOf('2.5.29.17'),
  basicConstraints: hexOf('2.5.29.19'),
  extendedKeyUsage: hexOf('2.5.29.37'),
} as const
export const purposes = { server: hexOf('1.3.6.1.5.5.7.3.1'), client: hexOf('1.3.6.1.5.5.7.3.2') } as const

const EXTENSIONS = 0xa3
const URI = 0x86

interface Extension {
  readonly isCritical: boolean
  readonly value: Element
}

/** The facts, or null where the certificate cannot be read or has an extension twice. */
export function readFacts(certificate: X509Certificate): CertificateFacts | null {
  const found = readExtensions(certificate.raw)
  if (!found) return null
  const names = found.get(oids.alternativeNames)
  const constraints = readConstraints(found.get(oids.basicConstraints))
  const extended = found.get(oids.extendedKeyUsage)
  const usage = found.get(oids.keyUsage)
  const uris = names ? readElements(names.value.content) : []
  const extendedUses = extended ? readElements(extended.value.content) : null
  if (!uris || !constraints || (extended && !extendedUses)) return null
  return {
    uris: uris.filter(({ tag }) => tag === URI).map(({ content }) => Buffer.from(content).toString('latin1')),
    ...constraints,
    keyUsage: usage ? { isCritical: usage.isCritical, bits: readBits(usage.value) } : null,
    extendedUses: extendedUses?.map(({ whole }) => Buffer.from(whole).toString('hex')) ?? null,
  }
}

/** Splits certificates that stand one behind another, as the Workload API gives them; null for anything else. */
export function splitCertificates(der: Uint8Array): X509Certificate[] | null {
  const elements = readElements(der)
  if (!elements || elements.length === 0) return null
  try {
    return elements.map(({ whole }) => new X509Certificate(whole))
  } catch {
    return null
  }
}

function readExtensions(raw: Uint8Array): Map<string, Extension> | null {
  const certificate = readElement(raw)
  const body = certificate && readElement(certificate.content)
  const fields = body && readElements(body.content)
  const holder = fields?.find(({ tag }) => tag === EXTENSIONS)
  if (!fields) return null
  const found = new Map<string, Extension>()
  if (!holder) return found
  const list = readElement(holder.content)
  for (const item of (list && readElements(list.content)) ?? []) {
    const parts = readElements(item.content)
    const oid = parts?.[0]
    const octets = parts?.at(-1)
    const value = octets?.tag === tags.octets ? readElement(octets.content) : null
    if (!parts || !oid) return null
    const name = Buffer.from(oid.whole).toString('hex')
    if (found.has(name)) return null
    // An extension that is no one element is none of ours (OpenSSL reads it, where it matters).
    if (value) found.set(name, { isCritical: parts.length === 3 && parts[1]?.content[0] === 0xff, value })
  }
  return found
}

function readConstraints(
  extension: Extension | undefined,
): Pick<CertificateFacts, 'isAuthority' | 'pathLength'> | null {
  if (!extension) return { isAuthority: false, pathLength: null }
  const parts = readElements(extension.value.content)
  if (!parts) return null
  const length = parts.find(({ tag }) => tag === tags.integer)
  return {
    isAuthority: parts.some(({ tag, content }) => tag === tags.boolean && content[0] === 0xff),
    pathLength: length ? Number(`0x${Buffer.from(length.content).toString('hex') || '0'}`) : null,
  }
}

/** The first sixteen bits of a bit string. */
function readBits({ tag, content }: Element): number {
  if (tag !== tags.bits) return 0
  return ((content[1] ?? 0) << 8) | (content[2] ?? 0)
}
