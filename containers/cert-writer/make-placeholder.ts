/** Makes a self-signed certificate that nobody trusts: nginx can start with it before there is an identity. */
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto'
import { tags, write, writeOid, writeTime } from '#core/base/der.ts'
import type { Material } from './write-identity.ts'

const DAY_MS = 86_400_000
const VALID_DAYS = 3650

/** It names no SPIFFE ID, belongs to no trust domain, and its key is thrown away with it. */
export function makePlaceholder(now: Date, random: (size: number) => Uint8Array): Material {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const algorithm = write(tags.sequence, writeOid('1.2.840.10045.4.3.2'))
  const name = write(
    tags.sequence,
    write(
      tags.set,
      write(
        tags.sequence,
        writeOid('2.5.4.3'),
        write(tags.utf8, Buffer.from('ninefold placeholder: no identity yet')),
      ),
    ),
  )
  // Positive, and not zero.
  const serial = write(tags.integer, Uint8Array.of(0x01, ...random(15)))
  const body = write(
    tags.sequence,
    write(0xa0, write(tags.integer, Uint8Array.of(2))),
    serial,
    algorithm,
    name,
    write(
      tags.sequence,
      writeTime(new Date(now.getTime() - DAY_MS)),
      writeTime(new Date(now.getTime() + VALID_DAYS * DAY_MS)),
    ),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = sign('sha256', body, privateKey)
  const der = write(tags.sequence, body, algorithm, write(tags.bits, Uint8Array.of(0), signature))
  return {
    spiffeId: null,
    trustDomain: null,
    chain: [new X509Certificate(der)],
    key: privateKey,
    bundles: new Map(),
  }
}
