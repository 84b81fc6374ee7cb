import { describe, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import { mayRead, saysTheSame, sourceOf, viewerOf, writeEnvelope } from '#core/registry/stream/rules.ts'

const developer = (account: string, roles: ('operator' | 'auditor')[] = []): Caller => ({
  kind: 'developer',
  account,
  email: 'x@example.com',
  emailVerified: true,
  roles,
  scopes: null,
  session: 's',
  key: null,
})
const agent = (id: string, account: string): Caller => ({
  kind: 'agent',
  agent: id,
  did: 'did:web:x',
  account,
  key: 'k',
  scopes: ['*'],
  limits: null,
})
const operator = (...roles: ('operator' | 'auditor')[]): Caller => ({
  kind: 'operator',
  account: null,
  key: 'k',
  roles,
})

const publicEvent = { audience: null, parties: null }
const ofAlice = { audience: ['alice'], parties: ['agent-a'] }
const ofNobody = { audience: [], parties: null }

describe('who may read an event', () => {
  test.each([
    ['a developer', developer('alice'), publicEvent, true],
    ['the owner', developer('alice'), ofAlice, true],
    ['another developer', developer('bob'), ofAlice, false],
    ['the owner', developer('alice'), ofNobody, false],
    ['the agent that is a party', agent('agent-a', 'alice'), ofAlice, true],
    ["another agent of the party's owner", agent('agent-b', 'alice'), ofAlice, false],
    ['an agent', agent('agent-b', 'bob'), publicEvent, true],
    ['an operator key', operator('operator'), ofNobody, true],
    ['an auditor key', operator('auditor'), ofNobody, true],
    ['a key without living roles', operator(), ofAlice, false],
    ['a session with the role operator', developer('bob', ['operator']), ofAlice, true],
    ['a session with the role auditor', developer('bob', ['auditor']), ofAlice, true],
    ['nobody', { kind: 'anonymous' } as const, ofAlice, false],
    ['a service', { kind: 'service', name: 'teg' } as const, ofAlice, false],
  ])('%s: %j reads %j: %s', (_who, caller, event, expected) => {
    expect(mayRead(viewerOf(caller), event)).toBe(expected)
  })
})

describe('the document of an event', () => {
  const whole = { version: 0, redacted: [], sampledRate: null }
  const fact = { id: 'i', type: 'a.b', subject: 'a/1', time: new Date(0), data: { n: 1, list: [{ x: '1' }] } }
  const text = writeEnvelope(sourceOf('here', 'teg', { label: '' }), 7n, fact, whole)

  test('equal facts give equal bytes', () => {
    expect(
      writeEnvelope('/registries/here/teg', 7n, { ...fact, data: { n: 1, list: [{ x: '1' }] } }, whole),
    ).toBe(text)
  })

  test.each([
    ['itself', {}, true],
    ['a member more', { data: { ...fact.data, more: true } }, true],
    ['another subject (a name, no content)', { subject: 'as/1' }, true],
    ['another id', { id: 'j' }, false],
    ['another type', { type: 'a.c' }, false],
    ['another time', { time: new Date(1) }, false],
    ['another value', { data: { ...fact.data, n: 2 } }, false],
    ['another value deep inside', { data: { n: 1, list: [{ x: '2' }] } }, false],
    ['a member less', { data: { n: 1 } }, false],
  ])('says the same as %s: %j: %s', (_what, change, expected) => {
    const again = { ...fact, ...change }
    expect(saysTheSame(text, { ...again, time: again.time.toISOString() })).toBe(expected)
  })
})
