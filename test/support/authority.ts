/** A certificate authority for tests: makes X.509-SVIDs as SPIRE does, and wrong ones on demand. */
import 'reflect-metadata'
import { type KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'

x509.cryptoProvider.set(webcrypto as never)

export { x509 }

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const HOUR_MS = 3_600_000
const { KeyUsageFlags: Use } = x509

export interface Issued {
  readonly certificate: X509Certificate
  readonly keys: webcrypto.CryptoKeyPair
  readonly key: KeyObject
  readonly name: string
}

/** What of a good certificate is to be different. */
export interface Different {
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly isAuthority?: boolean
  readonly noConstraints?: boolean
  readonly pathLength?: number
  /** Null: no KeyUsage at all. */
  readonly usage?: number | null
  readonly usageCritical?: boolean
  /** Null: no ExtendedKeyUsage. */
  readonly extended?: readonly string[] | null
  readonly from?: Date
  readonly until?: Date
  readonly extensions?: readonly x509.Extension[]
  readonly keys?: webcrypto.CryptoKeyPair
}

export interface Authority extends Issued {
  readonly domain: string
  /** A leaf for a path of this trust domain, with a DNS name beside it. */
  leaf(path: string, different?: Different): Promise<Issued>
  /** An authority below this one. */
  below(different?: Different): Promise<Authority>
}

let serial = 0

async function issue(
  name: string,
  signer: Issued | null,
  different: Different,
  usual: Required<Pick<Different, 'uris' | 'isAuthority' | 'extended'>> & { usage: number },
): Promise<Issued> {
  const keys =
    different.keys ??
    ((await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair)
  const isAuthority = different.isAuthority ?? usual.isAuthority
  const usage = different.usage === undefined ? usual.usage : different.usage
  const extended = different.extended === undefined ? usual.extended : different.extended
  const names = [
    ...(different.uris ?? usual.uris).map((value) => ({ type: 'url' as const, value })),
    ...(different.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
  ]
  const extensions: x509.Extension[] = [
    ...(different.noConstraints
      ? []
      : [new x509.BasicConstraintsExtension(isAuthority, different.pathLength, true)]),
    ...(usage === null ? [] : [new x509.KeyUsagesExtension(usage, different.usageCritical ?? true)]),
    ...(extended === null ? [] : [new x509.ExtendedKeyUsageExtension([...extended])]),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ...(different.extensions ?? []),
  ]
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: (++serial).toString(16).padStart(8, '0'),
    subject: name,
    issuer: signer?.name ?? name,
    notBefore: different.from ?? new Date(Date.now() - HOUR_MS),
    notAfter: different.until ?? new Date(Date.now() + HOUR_MS),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: (signer?.keys ?? keys).privateKey,
    extensions,
  } as x509.X509CertificateCreateWithKeyParams)
  const { KeyObject: Keys } = await import('node:crypto')
  return {
    certificate: new X509Certificate(Buffer.from(made.rawData)),
    keys,
    key: Keys.from(keys.privateKey as webcrypto.CryptoKey),
    name,
  }
}

const purposes = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']

function withChildren(issued: Issued, domain: string): Authority {
  return {
    ...issued,
    domain,
    leaf: (path, different = {}) =>
      issue('O=SPIRE,C=US', issued, different, {
        uris: [`spiffe://${domain}${path}`],
        isAuthority: false,
        usage: Use.digitalSignature | Use.keyAgreement,
        extended: purposes,
      }),
    below: async (different = {}) =>
      withChildren(
        await issue(`CN=below ${++serial}`, issued, different, {
          uris: [`spiffe://${domain}`],
          isAuthority: true,
          usage: Use.keyCertSign | Use.cRLSign,
          extended: null as unknown as string[],
        }),
        domain,
      ),
  }
}

/** Makes the authority of a trust domain. */
export async function makeAuthority(domain: string, different: Different = {}): Promise<Authority> {
  const issued = await issue(`CN=${domain} ${++serial}`, null, different, {
    uris: [`spiffe://${domain}`],
    isAuthority: true,
    usage: Use.keyCertSign | Use.cRLSign,
    extended: null as unknown as string[],
  })
  return withChildren(issued, domain)
}

/** What is shown to the other side. */
export type Pair = Pick<Issued, 'certificate' | 'key'>

export const pemOf = (...issued: readonly Pick<Issued, 'certificate'>[]): string =>
  issued.map(({ certificate }) => `${certificate.toString().trim()}\n`).join('')
export const keyPemOf = ({ key }: Pick<Issued, 'key'>): string =>
  String(key.export({ type: 'pkcs8', format: 'pem' }))
