/** Judges a JWK: public, of a kind that cards are verified with, and a key that exists on its curve. */
import { createHash, createPublicKey } from 'node:crypto'
import type { FieldError } from '#core/base/errors.ts'
import type { PublicJwk } from './schema.ts'

/** Living signing keys that one account may hold. */
export const SIGNING_KEYS_MAX = 20
export const RSA_BITS_MIN = 2048
/** A verification with a longer key costs more than a card is worth. */
export const RSA_BITS_MAX = 8192
const KID_MAX = 200

/** Members that only a private or a symmetric key has (RFC 7518 section 6). */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const

interface Kind {
  readonly kty: PublicJwk['kty']
  readonly crv: string | null
  readonly members: readonly ('x' | 'y' | 'n' | 'e')[]
  readonly algorithms: readonly string[]
}
const kinds: readonly Kind[] = [
  { kty: 'EC', crv: 'P-256', members: ['x', 'y'], algorithms: ['ES256'] },
  { kty: 'EC', crv: 'P-384', members: ['x', 'y'], algorithms: ['ES384'] },
  { kty: 'OKP', crv: 'Ed25519', members: ['x'], algorithms: ['EdDSA', 'Ed25519'] },
  {
    kty: 'RSA',
    crv: null,
    members: ['n', 'e'],
    algorithms: ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  },
]

/** The key as it is kept, or its faults. Members that are not known are left out (RFC 7517 section 4). */
export function judgeJwk(given: Readonly<Record<string, unknown>>): PublicJwk | FieldError[] {
  const secrets = privateMembers.filter((name) => given[name] !== undefined)
  if (secrets.length > 0)
    return secrets.map((name) =>
      fault(name, 'private_key', 'belongs to a private key; send the public key and replace this one'),
    )
  const kind = kinds.find((one) => one.kty === given.kty && (one.crv === null || one.crv === given.crv))
  if (!kind) {
    const name = kinds.some((one) => one.kty === given.kty) ? 'crv' : 'kty'
    return [fault(name, 'unsupported', 'must be EC P-256, EC P-384, OKP Ed25519 or RSA')]
  }
  const faults = [...findFaults(given, kind)]
  if (faults.length > 0) return faults
  const core = {
    kty: kind.kty,
    ...(kind.crv === null ? {} : { crv: kind.crv }),
    ...Object.fromEntries(kind.members.map((name) => [name, given[name] as string])),
  }
  const weakness = findWeakness(core)
  if (weakness) return [weakness]
  return {
    ...core,
    kid: typeof given.kid === 'string' ? given.kid : thumbprint(core),
    ...(typeof given.alg === 'string' ? { alg: given.alg } : {}),
    use: 'sig',
  }
}

const fault = (name: string, code: string, detail: string): FieldError => ({
  pointer: `/jwk/${name}`,
  code,
  detail,
})

function* findFaults(given: Readonly<Record<string, unknown>>, kind: Kind): Generator<FieldError> {
  for (const name of kind.members) {
    const value = given[name]
    if (value === undefined) yield fault(name, 'required', 'is required')
    else if (typeof value !== 'string' || !/^[A-Za-z0-9_-]{1,4096}$/.test(value))
      yield fault(name, 'malformed', 'must be base64url without padding')
  }
  const { kid, alg, use, key_ops: operations } = given
  if (kid !== undefined && (typeof kid !== 'string' || !isPrintable(kid)))
    yield fault('kid', 'malformed', `must be a text of 1 to ${KID_MAX} printable characters`)
  if (alg !== undefined && !kind.algorithms.some((one) => one === alg))
    yield fault('alg', 'unsupported', `must be ${kind.algorithms.join(' or ')} for this kind of key`)
  if (use !== undefined && use !== 'sig') yield fault('use', 'unsupported', 'must be sig')
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    yield fault('key_ops', 'unsupported', 'must hold verify')
}

const isPrintable = (text: string): boolean =>
  text.length >= 1 && text.length <= KID_MAX && /^\P{Cc}+$/u.test(text)

/** What the library finds when it takes the key in: no point of the curve, wrong length, too few bits. */
function findWeakness(jwk: { kty: PublicJwk['kty'] }): FieldError | null {
  const main = jwk.kty === 'RSA' ? 'n' : 'x'
  try {
    const { modulusLength, publicExponent } =
      createPublicKey({ key: jwk, format: 'jwk' }).asymmetricKeyDetails ?? {}
    if (jwk.kty !== 'RSA') return null
    const bits = modulusLength ?? 0
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
      return fault('n', 'key_size', `must have ${RSA_BITS_MIN} to ${RSA_BITS_MAX} bits, not ${bits}`)
    const exponent = publicExponent ?? 0n
    if (exponent < 3n || exponent % 2n === 0n || exponent >= 2n ** 64n)
      return fault('e', 'key_size', 'must be an odd exponent from 3 to 2^64')
    return null
  } catch {
    return fault(main, 'malformed', 'is no key of this kind')
  }
}

/** RFC 7638: the SHA-256 of the required members in order of their names. */
function thumbprint(core: Readonly<Record<string, string>>): string {
  const text = JSON.stringify(Object.fromEntries(Object.entries(core).sort(([a], [b]) => (a < b ? -1 : 1))))
  return createHash('sha256').update(text).digest('base64url')
}
