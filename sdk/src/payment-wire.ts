/** Shapes of payments: tokens and x402. */
import type { Transfer } from './wire.ts'

export interface TokenOrder {
  payer_agent: string
  payee_agent: string
  amount: string
  /** Seconds, 1 to 86400. */
  expires_in: number
  /** What is paid for, such as the id of an A2A task. */
  task_ref?: string
}
export interface PaymentToken {
  id: string
  status: 'active' | 'redeemed' | 'cancelled' | 'expired'
  payer_agent: string
  payer_did: string
  payee_agent: string
  payee_did: string
  amount: string
  redeemed_amount: string
  created_at: string
  expires_at: string
  /** The transfer that redeemed it. */
  transfer_id: string | null
  task_ref: string | null
}
export interface IssuedPaymentToken extends PaymentToken {
  /** `apt_...`: what the payee is given. */
  token: string
  /** What the payer has available after it. */
  balance_after?: string
}
export interface RedeemedPaymentToken extends PaymentToken {
  transfer: Transfer
  /** What the payee has available after it. */
  balance_after?: string
}
export interface CancelledPaymentToken extends PaymentToken {
  /** What the payer has available after it. */
  balance_after?: string
}

/** x402 v2, as far as a registry speaks it: scheme `exact`, network `registry:<name>`, amounts in micro-AVT. */
export interface X402Requirements {
  scheme: string
  network: string
  amount: string
  asset: string
  payTo: string
  maxTimeoutSeconds: number
  extra?: Record<string, unknown>
}
export interface X402Payload {
  x402Version: number
  resource?: { url: string; description?: string; mimeType?: string }
  accepted: X402Requirements
  payload: {
    signature: string
    authorization: {
      from: string
      to: string
      value: string
      validAfter: string
      validBefore: string
      nonce: string
    }
  }
  extensions?: Record<string, unknown>
}
export interface X402Supported {
  kinds: { x402Version: number; scheme: string; network: string; extra?: Record<string, unknown> }[]
  extensions: string[]
  signers: Record<string, string[]>
}
export interface X402Verification {
  isValid: boolean
  invalidReason?: string
  invalidMessage?: string
  payer?: string
}
export interface X402Settlement {
  success: boolean
  errorReason?: string
  errorMessage?: string
  payer?: string
  /** Id of the transfer; empty where nothing was settled. */
  transaction: string
  network: string
  amount?: string
}
