/** What x402 asks of a payment before anything is asked of the ledger, and its words for what is wrong. Pure. */
import { parseAmount } from '#core/base/amount.ts'
import type { TokenClaims } from '../rules.ts'
import {
  ASSET,
  type TokenPayload as Authorized,
  type FacilitatorIn,
  type Requirements,
  SCHEME,
  TokenPayload,
  X402_VERSION,
} from './schema.ts'

/** Why a payment is not good, in the words of the specification (section 9) and of our scheme. */
export interface Fault {
  readonly reason: string
  readonly message: string
}
const fault = (reason: string, message: string): Fault => ({ reason, message })
const OURS = 'invalid_exact_registry_payload'

export const networkOf = (registry: string): string => `registry:${registry}`

/** What the payer has agreed to must be what the payee asks for. */
const SAME = ['scheme', 'network', 'amount', 'asset', 'payTo'] as const

/** The parts that our scheme needs, or the first fault; nothing of it changes with time. */
export function readPayment(asked: FacilitatorIn, network: string): Authorized | Fault {
  const { paymentPayload, paymentRequirements: wanted } = asked
  const version = asked.x402Version ?? X402_VERSION
  if (version !== X402_VERSION || paymentPayload.x402Version !== X402_VERSION)
    return fault('invalid_x402_version', `This facilitator speaks version ${X402_VERSION}.`)
  if (wanted.scheme !== SCHEME) return fault('unsupported_scheme', `The scheme here is ${SCHEME}.`)
  if (wanted.network !== network) return fault('invalid_network', `The network here is ${network}.`)
  if (wanted.asset !== ASSET) return fault('invalid_payment_requirements', `The asset here is ${ASSET}.`)
  const other = SAME.find((name) => paymentPayload.accepted[name] !== wanted[name])
  if (other) return fault('invalid_payload', `accepted.${other} is not what the requirements say.`)
  const parsed = TokenPayload.safeParse(paymentPayload.payload)
  if (!parsed.success) {
    const path = parsed.error.issues[0]?.path.join('.') ?? ''
    return fault('invalid_payload', `payload.${path} is missing or malformed.`)
  }
  return parsed.data
}

export const isFault = (value: object): value is Fault => 'reason' in value

/** What the claims of the token say against the payment; null: it is for exactly this. */
export function judgeClaims(
  claims: TokenClaims,
  { authorization }: Authorized,
  wanted: Requirements,
  agents: { payer: string | undefined; payee: string | undefined },
): Fault | null {
  const names = (ref: string, did: string, id: string | undefined) => ref === did || ref === id
  if (!names(authorization.to, claims.aud, agents.payee) || !names(wanted.payTo, claims.aud, agents.payee))
    return fault(`${OURS}_recipient_mismatch`, 'The token was issued for another payee.')
  if (!names(authorization.from, claims.sub, agents.payer))
    return fault(`${OURS}_sender_mismatch`, 'The token was issued by another payer.')
  const amount = parseAmount(claims.amount)?.toString()
  if (authorization.value !== wanted.amount || amount !== wanted.amount)
    return fault(`${OURS}_authorization_value_mismatch`, 'The token is for another amount.')
  if (authorization.validAfter !== String(claims.iat))
    return fault(`${OURS}_authorization_valid_after`, 'validAfter is not the iat of the token.')
  if (authorization.validBefore !== String(claims.exp))
    return fault(`${OURS}_authorization_valid_before`, 'validBefore is not the exp of the token.')
  return null
}

export const BAD_SIGNATURE = fault(`${OURS}_signature`, 'The signature is no payment token of this registry.')

/** A token that was signed here and that the ledger has lost. */
export const UNKNOWN_TOKEN = fault('invalid_transaction_state', 'The payment token is unknown to the ledger.')
const EXPIRED = fault(`${OURS}_authorization_valid_before`, 'The payment token has expired.')

/** x402's word for a refusal of the gate: that of a settlement, and that which a verification foresees. */
export function wordRefusal(error: { code: string; detail: string }): Fault {
  if (error.code === 'token_expired') return EXPIRED
  if (error.code === 'idempotency_key_reused')
    return fault('nonce_already_used', 'The nonce was used for another settlement of this payee.')
  const isState = /^(token_|agent_|not_found)/.test(error.code)
  return fault(isState ? 'invalid_transaction_state' : error.code, error.detail)
}
