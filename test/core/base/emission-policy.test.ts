import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyPolicies,
  EVERYWHERE,
  judgePolicies,
  type Policy,
  withoutMasked,
} from '#core/base/emission-policy.ts'
import { eventTypes } from '#core/registry/stream/events.ts'

const salt = new Uint8Array(32).fill(7)
const fact = (type: string, data: Record<string, unknown> = {}, id = 'a') => ({ id, type, data })
const types = Object.keys(eventTypes)

describe('where an event goes', () => {
  const drop = (
    priority: number,
    pattern: string,
    ...targets: ('ledger' | 'webhook' | 'live')[]
  ): Policy => ({
    priority,
    types: pattern,
    action: 'drop',
    targets,
  })
  const emit = (
    priority: number,
    pattern: string,
    ...targets: ('ledger' | 'webhook' | 'live')[]
  ): Policy => ({
    priority,
    types: pattern,
    action: 'emit',
    targets,
  })
  test.each<[string, Policy[], string, number]>([
    ['nothing said', [], 'agent.updated', 7],
    ['one target dropped', [drop(1, 'agent.>', 'live')], 'agent.updated', 3],
    ['all dropped', [drop(1, '>', 'ledger', 'webhook', 'live')], 'agent.updated', 0],
    ['the lowest priority decides', [drop(2, '>', 'live'), emit(1, 'agent.*', 'live')], 'agent.updated', 7],
    ['target by target', [emit(1, 'agent.*', 'live'), drop(2, '>', 'live', 'webhook')], 'agent.updated', 5],
    ['another type is left alone', [drop(1, 'agent.>', 'live')], 'developer.verified', 7],
    ['the floor is left alone', [drop(1, '>', 'ledger', 'webhook', 'live')], 'transfer.completed', 7],
  ])('%s', (_name, policies, type, targets) => {
    expect(applyPolicies(policies, fact(type), salt).targets).toBe(targets)
  })

  test('a sample is chosen by the id: about one of n, the same for every attempt', () => {
    const policies: Policy[] = [
      { priority: 1, types: '>', action: 'sample', targets: ['ledger', 'live'], one_in: 10 },
    ]
    const told = Array.from({ length: 5000 }, (_, i) =>
      applyPolicies(policies, fact('agent.updated', {}, `id-${i}`), salt),
    )
    const chosen = told.filter(({ targets }) => targets === EVERYWHERE)
    expect(told.every(({ targets }) => targets === EVERYWHERE || targets === 2)).toBe(true)
    expect(chosen.length).toBeGreaterThan(400)
    expect(chosen.length).toBeLessThan(600)
    expect(told.every(({ sampledRate }) => sampledRate === 10)).toBe(true)
    expect(applyPolicies(policies, fact('agent.updated', {}, 'id-3'), salt)).toEqual(told[3])
  })
})

describe('what of it is told', () => {
  const data = { card: { name: 'a', 'x/y': 1 }, list: [1, 2], memo: 'hello', none: null }
  const redact: Policy = {
    priority: 1,
    types: 'agent.*',
    action: 'redact',
    pointers: ['/card/name', '/card/x~1y', '/list/0', '/none', '/absent/deep'],
  }
  test('takes out what is there, and says so', () => {
    const told = applyPolicies([redact], fact('agent.updated', data), salt)
    expect(told.data).toEqual({ card: {}, list: [null, 2], memo: 'hello', none: null })
    expect(told.redacted).toEqual(['/card/name', '/card/x~1y', '/list/0'])
    expect(data.card.name).toBe('a')
  })

  test('hashes with the salt: equal values under one salt are equal, under another not', () => {
    const hash: Policy = { priority: 1, types: '>', action: 'hash', pointers: ['/memo'] }
    const [first, again, other] = [salt, salt, new Uint8Array(32)].map(
      (one) => applyPolicies([hash], fact('agent.updated', data), one).data.memo,
    )
    expect(first).toMatch(/^hmac-sha-256:[0-9a-f]{64}$/)
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })

  test('on the floor nothing but the memo, and that only hashed', () => {
    const policies: Policy[] = [
      { priority: 1, types: '>', action: 'redact', pointers: ['/memo', '/amount'] },
      { priority: 2, types: '>', action: 'hash', pointers: ['/memo', '/amount'] },
    ]
    const told = applyPolicies(policies, fact('transfer.completed', { amount: '5', memo: 'rent' }), salt)
    expect(told.data).toEqual({ amount: '5', memo: expect.stringMatching(/^hmac/) })
    expect(told.redacted).toEqual(['/memo'])
  })

  test('what is left of two tellings of one fact is the same, whatever was masked', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.jsonValue()),
        fc.array(fc.stringMatching(/^(\/[a-z]{1,3}){1,2}$/), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('redact' as const, 'hash' as const),
        (given, pointers, action) => {
          const told = applyPolicies(
            [{ priority: 1, types: '>', action, pointers }],
            fact('agent.updated', given),
            salt,
          )
          expect(withoutMasked(told.data, told.redacted)).toEqual(withoutMasked(given, told.redacted))
        },
      ),
    )
  })
})

describe('a set that is refused', () => {
  test.each<[string, Policy, string]>([
    ['drops transfers', { priority: 1, types: 'transfer.*', action: 'drop', targets: ['ledger'] }, 'types'],
    [
      'drops one type of the floor',
      { priority: 1, types: 'settings.changed', action: 'drop', targets: ['live'] },
      'types',
    ],
    [
      'samples supply',
      { priority: 1, types: 'supply.>', action: 'sample', targets: ['live'], one_in: 2 },
      'types',
    ],
    [
      'redacts an amount',
      { priority: 1, types: 'transfer.completed', action: 'redact', pointers: ['/amount'] },
      'types',
    ],
    [
      'redacts a memo',
      { priority: 1, types: 'transfer.completed', action: 'redact', pointers: ['/memo'] },
      'types',
    ],
  ])('%s', (_name, policy, field) => {
    expect(judgePolicies([policy], types)).toEqual([
      { pointer: `/policies/0/${field}`, detail: expect.stringContaining('floor') },
    ])
  })

  test('has two policies of one priority', () => {
    const policy: Policy = { priority: 3, types: 'agent.*', action: 'emit', targets: ['live'] }
    expect(judgePolicies([policy, policy], types)).toEqual([
      { pointer: '/policies/1/priority', detail: '3 is there already' },
    ])
  })

  test.each<Policy>([
    { priority: 1, types: 'transfer.*', action: 'hash', pointers: ['/memo'] },
    { priority: 1, types: '>', action: 'drop', targets: ['ledger'] },
    { priority: 1, types: 'transfer.*', action: 'emit', targets: ['ledger'] },
    { priority: 1, types: 'weather.*', action: 'drop', targets: ['live'] },
  ])('is not: %o', (policy) => {
    expect(judgePolicies([policy], types)).toEqual([])
  })
})
