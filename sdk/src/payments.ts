/** Payment tokens: promised by a payer, verified and redeemed by a payee. */

import type {
  CancelledPaymentToken,
  IssuedPaymentToken,
  PaymentToken,
  RedeemedPaymentToken,
  TokenOrder,
  X402Payload,
  X402Requirements,
  X402Settlement,
  X402Supported,
  X402Verification,
} from './payment-wire.ts'
import type { RequestOptions, Transport } from './transport.ts'
import type { Page, PageQuery } from './wire.ts'

const at = (id: string) => `/payments/tokens/${encodeURIComponent(id)}`

export const payments = (client: Transport) => ({
  /** Holds the amount and gives the token that the payee redeems. The token is a secret: only this reply holds it. */
  issue: (body: TokenOrder, options?: RequestOptions) =>
    client.request<IssuedPaymentToken>('POST', '/payments/tokens', { ...options, body }),
  /** As the payee: resolves when the token is good now, and throws what is wrong with it. */
  verify: (token: string) =>
    client.request<PaymentToken>('POST', '/payments/tokens/verify', { body: { token } }),
  /** As the payee, once: the whole amount, or a part of it; the rest goes back to the payer. */
  redeem: (token: string, amount?: string, options?: RequestOptions) =>
    client.request<RedeemedPaymentToken>('POST', '/payments/tokens/redeem', {
      ...options,
      body: amount === undefined ? { token } : { token, amount },
    }),
  /** As the payer: gives the hold back. */
  cancel: (id: string) => client.request<CancelledPaymentToken>('POST', `${at(id)}/cancel`),
  list: (query?: PageQuery & { agent?: string; status?: PaymentToken['status'] }) =>
    client.request<Page<PaymentToken>>('GET', '/payments/tokens', { query: { ...query } }),
  read: (id: string) => client.request<PaymentToken>('GET', at(id)),
  x402: {
    supported: () => client.request<X402Supported>('GET', '/x402/supported'),
    /** As the payee's resource server. */
    verify: (paymentPayload: X402Payload, paymentRequirements: X402Requirements) =>
      client.request<X402Verification>('POST', '/x402/verify', {
        body: { x402Version: 2, paymentPayload, paymentRequirements },
      }),
    /** As the payee's resource server; a repeat with the same payload gets the first answer. */
    settle: (paymentPayload: X402Payload, paymentRequirements: X402Requirements) =>
      client.request<X402Settlement>('POST', '/x402/settle', {
        body: { x402Version: 2, paymentPayload, paymentRequirements },
      }),
  },
})

/** What a payer sends to a resource server that asked for these requirements: a token issued for exactly them. */
export function x402Payload(token: string, accepted: X402Requirements): X402Payload {
  const claims = readClaims(token)
  const nonce = [...crypto.getRandomValues(new Uint8Array(32))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
  return {
    x402Version: 2,
    accepted,
    payload: {
      signature: token,
      authorization: {
        from: claims.sub,
        to: claims.aud,
        value: accepted.amount,
        validAfter: String(claims.iat),
        validBefore: String(claims.exp),
        nonce: `0x${nonce}`,
      },
    },
  }
}

/** The claims of a token as they stand there: who relies on them verifies the signature, or asks the registry. */
function readClaims(token: string): { sub: string; aud: string; iat: number; exp: number } {
  const part = token.split('.')[1] ?? ''
  const bytes = Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) =>
    char.charCodeAt(0),
  )
  return JSON.parse(new TextDecoder().decode(bytes))
}
