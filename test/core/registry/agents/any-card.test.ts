import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { type System, startSystem } from '#test/support/system.ts'
import { card03, card10, securedCard } from './sample-cards.ts'

let system: System
let alice: TestDeveloper

beforeAll(async () => {
  system = await startSystem({ GENESIS_GRANT_ENABLED: 'false' })
  alice = await registerDeveloper(system)
})

const publish = (card: unknown) => system.api.post('/agents', { card }, { token: alice.token })

/** Text as people, attackers and machines write it: any script, very long, without spaces. */
const words = (max: number) =>
  fc
    .oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
      fc.constantFrom(
        'a'.repeat(max),
        '漢'.repeat(max),
        'é -!'.repeat(max),
        '🦊'.repeat(max),
        "'; drop table x; --",
        '%_\\',
      ),
      fc.nat().map((n) => `${n.toString(36).repeat(max)}`),
    )
    .map((text) => text.replaceAll('\u0000', ' ').slice(0, max).toWellFormed())
    .filter((text) => text.trim() !== '')

const skill = fc.record({
  id: words(512),
  name: words(512),
  description: words(4000),
  tags: fc.array(words(512), { minLength: 1, maxLength: 5 }),
})
const validCard = fc
  .record({
    name: words(200),
    description: words(8000),
    version: words(512),
    provider: fc.record({ url: fc.constant('https://p.example.com'), organization: words(512) }),
    skills: fc.array(skill, { minLength: 1, maxLength: 3 }),
    defaultInputModes: fc.array(words(512), { minLength: 1, maxLength: 3 }),
    'x-any': fc.jsonValue({ maxDepth: 3 }),
  })
  .map((more) => card10(JSON.parse(JSON.stringify(more))))
  .filter(
    (card) => Buffer.byteLength(JSON.stringify(card)) < 60_000 && !JSON.stringify(card).includes('\\u0000'),
  )

describe('POST /agents', () => {
  test('publishes whatever card is valid, and serves it back as it came', async () => {
    await fc.assert(
      fc.asyncProperty(validCard, async (card) => {
        const answer = await publish(card)
        expect([answer.status, answer.body.errors]).toEqual([201, undefined])
        expect(answer.body.card).toEqual(card)
        const hosted = await system.api.get(`/agents/${answer.body.id}/.well-known/agent-card.json`)
        expect(hosted.body).toMatchObject({ name: card.name, 'x-any': card['x-any'] })
      }),
      { numRuns: 60 },
    )
  }, 120_000)

  test('answers 201, 400 validation_failed or 413 payload_too_large to any JSON, never 500', async () => {
    const key = fc.constantFrom(...Object.keys({ ...card10(), ...card03(), ...securedCard(), __proto__: 0 }))
    const spoilt = fc
      .tuple(fc.constantFrom(card10(), card03(), securedCard()), key, fc.jsonValue({ maxDepth: 4 }))
      .map(([card, name, value]) => ({ ...card, [name]: value }))
    await fc.assert(
      fc.asyncProperty(fc.oneof(spoilt, fc.jsonValue({ maxDepth: 3 })), async (card) => {
        const answer = await publish(card)
        expect([201, 400, 413]).toContain(answer.status)
        if (answer.status !== 201) expect(answer.body.errors.length).toBeGreaterThan(0)
      }),
      { numRuns: 200 },
    )
  }, 120_000)
})
