import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import {
  didHostOf,
  hashCommand,
  hostOfDid,
  judgeQuote,
  limitsOf,
  mayActFor,
  priceOf,
  readTerms,
  seesAll,
  writeTerms,
} from '#core/registry/transfers/rules.ts'

const A = { id: '01900000-0000-7000-8000-00000000000a', did: 'did:web:a.example:api:v1:agents:a' }
const B = { id: '01900000-0000-7000-8000-00000000000b', did: 'did:web:a.example:api:v1:agents:b' }
const terms = {
  from: A,
  to: B,
  amount: '10',
  fee_snapshot: '7',
  valid_until: '2026-11-24T12:15:00.000Z',
}

describe('quotes', () => {
  const bound = { matches: true, fee_snapshot: '7', valid_until: '2026-11-24T12:15:00.000Z' }
  const unbound = { matches: false, fee_snapshot: null, valid_until: null }
  test.each([
    ['by id', A.id, B.id, 10_000_000n, bound],
    ['by did', A.did, B.did, 10_000_000n, bound],
    ['mixed', A.id, B.did, 10_000_000n, bound],
    ['another payer', B.id, B.id, 10_000_000n, unbound],
    ['another payee', A.id, A.id, 10_000_000n, unbound],
    ['another amount', A.id, B.id, 10_000_001n, unbound],
  ])('a transfer named %s', (_title, from, to, amount, claim) => {
    expect(judgeQuote(terms, { from, to, amount })).toEqual(claim)
  })
  test('without terms nothing matches', () => {
    expect(judgeQuote(null, { from: A.id, to: B.id, amount: 10_000_000n })).toEqual(unbound)
  })
  test('terms survive their signing form; another signed thing is no quote', () => {
    expect(readTerms(writeTerms(terms))).toMatchObject(terms)
    expect(readTerms(Buffer.from('{"kind":"other"}'))).toBeNull()
  })
  test.each([
    [10_000_000n, 5_000n, { fee: '0.05', net: '9.95', fee_rate: '0.005' }],
    [100n, 5_000n, { fee: '0.000001', net: '0.000099', fee_rate: '0.005' }],
    [201n, 5_000n, { fee: '0.000002', net: '0.000199', fee_rate: '0.005' }],
    [9_007_199_254_740_991n, 50_000n, { fee: '450359962.73705', net: '8556839292.003941', fee_rate: '0.05' }],
  ])('%s micro-AVT at %s ppm', (amount, rate, price) => {
    expect(priceOf(amount, rate)).toEqual(price)
  })
})

describe('hashes', () => {
  const fields = { from_agent: A.id, to_agent: B.id, amount: '10', memo: null }
  test('the order of fields does not count; a value, a name or the operation does', () => {
    const hash = hashCommand('transfer', fields)
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
    expect(hashCommand('transfer', Object.fromEntries(Object.entries(fields).reverse()))).toBe(hash)
    expect(hashCommand('refund', fields)).not.toBe(hash)
    expect(hashCommand('transfer', { ...fields, to_agent: B.did })).not.toBe(hash)
    expect(hashCommand('transfer', { ...fields, memo: '' })).not.toBe(hash)
  })
  test('are of canonical JSON: what an older version kept for a key is what this one asks with', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.option(fc.string({ unit: 'grapheme' }))),
        (some) => {
          const text = canonicalize({ op: 'transfer', ...some }) as string
          expect(hashCommand('transfer', some)).toBe(createHash('sha256').update(text).digest('hex'))
        },
      ),
    )
  })
})

describe('rights', () => {
  const owner = '01900000-0000-7000-8000-0000000000ff'
  const developer = (account: string, roles: ('operator' | 'auditor')[] = []): Caller => ({
    kind: 'developer',
    account,
    email: 'a@example.com',
    emailVerified: true,
    roles,
    scopes: null,
    session: 's',
    key: null,
  })
  const agent = (id: string): Caller => ({
    kind: 'agent',
    agent: id,
    did: 'did:web:a',
    account: owner,
    key: 'k',
    scopes: ['*'],
    limits: null,
  })
  const operator: Caller = { kind: 'operator', account: null, key: 'preset', roles: ['operator'] }
  const auditor: Caller = { kind: 'operator', account: null, key: 'k', roles: ['auditor'] }
  test.each<[string, Caller, boolean, boolean]>([
    ['its owner', developer(owner), true, false],
    ['another developer', developer('01900000-0000-7000-8000-0000000000fe'), false, false],
    ['another developer who is an operator', developer('x', ['operator']), false, true],
    ['the agent itself', agent(A.id), true, false],
    ['another agent of the same owner', agent(B.id), false, false],
    ['an operator key', operator, false, true],
    ['an auditor key', auditor, false, true],
    ['nobody', { kind: 'anonymous' }, false, false],
  ])('%s', (_title, caller, acts, all) => {
    expect([mayActFor(caller, { ...A, owner }), seesAll(caller)]).toEqual([acts, all])
  })
  test("the limits of an agent's key travel in decimal; nobody else has any", () => {
    const limits = { perTransfer: 1_500_000n, perDay: null, allowedPayees: [B.did] }
    expect(limitsOf({ ...agent(A.id), limits } as Caller)).toEqual({
      key_id: 'k',
      per_transfer: '1.5',
      per_day: null,
      allowed_payees: [B.did],
    })
    expect([limitsOf(agent(A.id)), limitsOf(developer(owner))]).toEqual([null, null])
  })
})

describe('hosts', () => {
  test.each([
    ['http://127.0.0.1:8000', 'did:web:127.0.0.1%3A8000:api:v1:agents:x', true],
    ['https://registry.example', 'did:web:Registry.example:api:v1:agents:x', true],
    ['https://registry.example', 'did:web:other.example:api:v1:agents:x', false],
    ['https://registry.example', '01900000-0000-7000-8000-00000000000a', false],
  ])('%s is the host of %s: %s', (url, did, same) => {
    expect(hostOfDid(did) === didHostOf(url)).toBe(same)
  })
})
