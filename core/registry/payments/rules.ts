/** The rules of payment tokens on the registry's side: claims, text, lives. Pure. */
import type { Outcome, Payment } from '#core/wire/teg.ts'
import { EXPIRES_IN_MAX } from './schema.ts'

const PREFIX = 'apt_'
/** Media type in the header of the JWS: another document of the same key can never pass for a token. */
export const TOKEN_TYPE = 'apt+jwt'

/** What a token says. Times are whole seconds since 1970, the expiry rounded down. */
export interface TokenClaims {
  /** The registry's public URL. */
  readonly iss: string
  /** The payer's did. */
  readonly sub: string
  /** The payee's did: nobody else can redeem it. */
  readonly aud: string
  /** Id of the token. */
  readonly jti: string
  readonly amount: string
  readonly iat: number
  readonly exp: number
  readonly task_ref: string | null
}

/** The claims follow from what the gate keeps alone: a replay signs the same bytes again. */
export function claimsOf(payment: Payment, issuer: string): TokenClaims {
  return {
    iss: issuer,
    sub: payment.payer_did,
    aud: payment.payee_did,
    jti: payment.id,
    amount: payment.amount,
    iat: Math.floor(Date.parse(payment.created_at) / 1000),
    exp: Math.floor(Date.parse(payment.expires_at) / 1000),
    task_ref: payment.task_ref,
  }
}

export const writeClaims = (claims: TokenClaims): Uint8Array => Buffer.from(JSON.stringify(claims))

/** The claims in a payload whose signature was good. */
export const readClaims = (payload: Uint8Array): TokenClaims =>
  JSON.parse(Buffer.from(payload).toString('utf8')) as TokenClaims

export const toText = (jws: string): string => PREFIX + jws
/** The JWS of a token's text. */
export const jwsOf = (text: string): string => text.slice(PREFIX.length)

/** True when the header of a JWS names our media type. */
export function isTokenJws(jws: string): boolean {
  try {
    const header = JSON.parse(Buffer.from(jws.split('.', 1)[0] ?? '', 'base64url').toString('utf8'))
    return header?.typ === TOKEN_TYPE
  } catch {
    return false
  }
}

export const isLife = (seconds: number): boolean => seconds >= 1 && seconds <= EXPIRES_IN_MAX

/** The balance of the agent that has acted, where the outcome tells it: a field of the reply. */
export const balanceAfter = ({ balance_after }: Outcome): Pick<Outcome, 'balance_after'> =>
  balance_after === undefined ? {} : { balance_after }
