import { describe, expect, test } from 'vitest'
import type { TokenClaims } from '#core/registry/payments/rules.ts'
import {
  isFault,
  judgeClaims,
  networkOf,
  readPayment,
  wordRefusal,
} from '#core/registry/payments/x402/rules.ts'
import { FacilitatorIn, type TokenPayload } from '#core/registry/payments/x402/schema.ts'

const PAYER = 'did:web:example.com:api:v1:agents:01900000-0000-7000-8000-00000000000b'
const PAYEE = 'did:web:example.com:api:v1:agents:01900000-0000-7000-8000-00000000000c'
const network = networkOf('ninefold')
const claims: TokenClaims = {
  iss: 'https://example.com',
  sub: PAYER,
  aud: PAYEE,
  jti: '01900000-0000-7000-8000-00000000000a',
  amount: '1.5',
  iat: 1_000,
  exp: 2_000,
  task_ref: null,
}
const ids = { payer: PAYER.slice(-36), payee: PAYEE.slice(-36) }
const wanted = {
  scheme: 'exact',
  network,
  amount: '1500000',
  asset: 'AVT',
  payTo: PAYEE,
  maxTimeoutSeconds: 60,
}
const authorization = {
  from: PAYER,
  to: PAYEE,
  value: '1500000',
  validAfter: '1000',
  validBefore: '2000',
  nonce: `0x${'ab'.repeat(32)}`,
}

type Change = {
  version?: number
  requirements?: object
  accepted?: object
  payload?: object
  authorization?: object
}
function paymentOf(change: Change = {}) {
  return FacilitatorIn.parse({
    x402Version: 2,
    paymentPayload: {
      x402Version: change.version ?? 2,
      accepted: { ...wanted, ...change.requirements, ...change.accepted },
      payload: {
        signature: 'apt_a.b.c',
        authorization: { ...authorization, ...change.authorization },
        ...change.payload,
      },
      unknown: 'members are left alone',
    },
    paymentRequirements: { ...wanted, ...change.requirements },
  })
}

function judge(change: Change = {}): string {
  const asked = paymentOf(change)
  const read = readPayment(asked, network)
  if (isFault(read)) return read.reason
  return judgeClaims(claims, read as TokenPayload, asked.paymentRequirements, ids)?.reason ?? 'good'
}

const ours = 'invalid_exact_registry_payload'
describe('a payment', () => {
  test.each<[string, Change, string]>([
    ['as it should be', {}, 'good'],
    ['to a payee named by id', { requirements: { payTo: ids.payee } }, 'good'],
    ['from a payer named by id', { authorization: { from: ids.payer, to: ids.payee } }, 'good'],
    ['of version 1', { version: 1 }, 'invalid_x402_version'],
    ['of another scheme', { requirements: { scheme: 'upto' } }, 'unsupported_scheme'],
    ['on another network', { requirements: { network: 'eip155:8453' } }, 'invalid_network'],
    ['of another registry', { requirements: { network: 'registry:other' } }, 'invalid_network'],
    ['in another asset', { requirements: { asset: 'USDC' } }, 'invalid_payment_requirements'],
    ['that accepted another amount', { accepted: { amount: '1' } }, 'invalid_payload'],
    ['that accepted another payee', { accepted: { payTo: PAYER } }, 'invalid_payload'],
    ['with a signature of a chain', { payload: { signature: '0xabcdef' } }, 'invalid_payload'],
    ['without authorization', { payload: { authorization: null } }, 'invalid_payload'],
    ['with a short nonce', { authorization: { nonce: '0xab' } }, 'invalid_payload'],
    ['with an amount in AVT', { authorization: { value: '1.5' } }, 'invalid_payload'],
    ['with an amount beyond all', { authorization: { value: '9007199254740992' } }, 'invalid_payload'],
    ['to another payee', { authorization: { to: PAYER } }, `${ours}_recipient_mismatch`],
    ['asked for by another payee', { requirements: { payTo: PAYER } }, `${ours}_recipient_mismatch`],
    ['from another payer', { authorization: { from: PAYEE } }, `${ours}_sender_mismatch`],
    [
      'of another value than asked for',
      { authorization: { value: '1499999' } },
      `${ours}_authorization_value_mismatch`,
    ],
    [
      'of another value than the token',
      { requirements: { amount: '1' }, authorization: { value: '1' } },
      `${ours}_authorization_value_mismatch`,
    ],
    ['valid earlier', { authorization: { validAfter: '999' } }, `${ours}_authorization_valid_after`],
    ['valid longer', { authorization: { validBefore: '2001' } }, `${ours}_authorization_valid_before`],
  ])('%s', (_title, change, reason) => {
    expect(judge(change)).toBe(reason)
  })
})

test.each([
  ['token_expired', `${ours}_authorization_valid_before`],
  ['token_redeemed', 'invalid_transaction_state'],
  ['token_cancelled', 'invalid_transaction_state'],
  ['agent_not_active', 'invalid_transaction_state'],
  ['idempotency_key_reused', 'nonce_already_used'],
  ['insufficient_funds', 'insufficient_funds'],
])('the refusal %s of the gate reads %s', (code, reason) => {
  expect(wordRefusal({ code, detail: 'words' }).reason).toBe(reason)
})
