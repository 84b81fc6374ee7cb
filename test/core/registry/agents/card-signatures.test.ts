import {
  type AgentCard,
  canonicalizeAgentCard,
  generateAgentCardSignature,
  verifyAgentCardSignature,
} from '@a2a-js/sdk'
import { DefaultAgentCardResolver } from '@a2a-js/sdk/client'
import fc from 'fast-check'
import { exportJWK, FlattenedSign, flattenedVerify, generateKeyPair, importJWK, type JWK } from 'jose'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { silentLog } from '#core/platform/log.ts'
import { resolvedSdkForm, sdkForm, specForm } from '#core/registry/agents/canonicalize-card.ts'
import { signCard } from '#core/registry/agents/sign-card.ts'
import { type Card, validateCard } from '#core/registry/agents/validate-card.ts'
import { type EnrolledKey, verifyCard } from '#core/registry/agents/verify-card.ts'
import { type KeyRing, openKeyRing } from '#core/registry/keys/key-ring.ts'
import { testClock } from '#test/support/clock.ts'
import { testDatabase } from '#test/support/database.ts'
import { card03, card10, securedCard, vectorCard } from './sample-cards.ts'

const asSdk = (card: Card) => structuredClone(card) as unknown as AgentCard
const JKU = 'https://registry.example.com/.well-known/jwks.json'
let ring: KeyRing
let pair: Awaited<ReturnType<typeof generateKeyPair>>
let enrolled: EnrolledKey

beforeAll(async () => {
  // The SDK tells every entry that does not fit; several entries are the point here.
  vi.spyOn(console, 'debug').mockImplementation(() => undefined)
  const db = await testDatabase()
  const resources = {
    db,
    coordination: openInProcess(),
    clock: testClock(),
    random: systemRandom,
    log: silentLog,
  }
  ring = await openKeyRing(resources, undefined)
  pair = await generateKeyPair('ES256', { extractable: true })
  enrolled = { kid: 'dev-1', jwk: await exportJWK(pair.publicKey) }
})

async function sign(payload: string, header: Record<string, unknown> = {}) {
  const jws = await new FlattenedSign(Buffer.from(payload))
    .setProtectedHeader({ alg: 'ES256', kid: 'dev-1', ...header })
    .sign(pair.privateKey)
  return { protected: jws.protected as string, signature: jws.signature }
}

const messy = () =>
  card10({
    'x-unknown': { a: '' },
    iconUrl: '',
    capabilities: {
      streaming: false,
      extensions: [{ uri: 'urn:x', required: false, params: { a: null, b: [] } }],
    },
    skills: [{ id: 'a', name: 'A', description: 'A.', tags: ['t'], examples: [], extra: 1 }],
  })

describe('canonical forms', () => {
  test.each(['002', '004', '006', '008'])('the SDK form of %s is that of @a2a-js/sdk', (number) => {
    expect(sdkForm(vectorCard(number))).toBe(canonicalizeAgentCard(asSdk(vectorCard(number))))
  })
  test.each([
    ['a messy card', messy()],
    ['every security scheme', securedCard()],
    [
      'fields under their original names',
      card10({ documentation_url: 'https://x.example.com', icon_url: 5 }),
    ],
  ])('the SDK form of %s is that of @a2a-js/sdk', (_what, card) => {
    expect(sdkForm(card)).toBe(canonicalizeAgentCard(asSdk(card)))
  })
  test.each([{ toString: 1 }, [{ toString: null }], { valueOf: {}, toString: {} }])(
    'a field of %j under its original name fails neither form',
    (value) => {
      const card = card10({ documentation_url: value })
      expect(() => canonicalizeAgentCard(asSdk(card))).toThrow(TypeError)
      expect(JSON.parse(sdkForm(card))).toMatchObject({ documentationUrl: '[object Object]' })
      expect(JSON.parse(specForm(card))).toMatchObject({ documentation_url: {} })
    },
  )
  test('the SDK form of any accepted card is that of @a2a-js/sdk', () => {
    const value = fc.jsonValue({ maxDepth: 3 })
    const part = fc.record(
      {
        provider: fc.constant({ url: 'https://p.example.com', organization: 'P' }),
        documentationUrl: fc.string({ maxLength: 20 }),
        documentation_url: value,
        iconUrl: fc.string({ maxLength: 20 }),
        capabilities: fc.record(
          {
            streaming: fc.boolean(),
            extendedAgentCard: fc.boolean(),
            extensions: fc.array(
              fc.record({
                uri: fc.string(),
                params: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), value),
              }),
            ),
          },
          { requiredKeys: [] },
        ),
        unknown: value,
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(part, (more) => {
        const card = card10(JSON.parse(JSON.stringify(more)) as Card)
        if (!validateCard(card).card) return
        const form = sdkForm(card)
        // The SDK has none for objects that it cannot make a text of; ours never fails.
        const hasNone = /"(toString|valueOf)":/.test(JSON.stringify(card.documentation_url ?? null))
        // And it loses fields of one name: see the test below.
        const loses = JSON.stringify(card).includes('"__proto__":')
        if (!hasNone && !loses) expect(form).toBe(canonicalizeAgentCard(asSdk(card)))
      }),
      { numRuns: 300 },
    )
  })
  test('a field named __proto__, which the SDK loses unseen, stays in our form: nothing slips in behind a signature', () => {
    const extensions = JSON.parse('[{"uri":"urn:a","params":{"a":{"__proto__":7}}}]')
    const card = card10({ capabilities: { extensions } })
    expect(canonicalizeAgentCard(asSdk(card))).not.toContain('__proto__')
    expect(sdkForm(card)).toContain('"a":{"__proto__":7}')
    expect(specForm(card)).toContain('"a":{"__proto__":7}')
  })
  test('the specification form keeps unknown fields and explicit optionals and drops other defaults', () => {
    expect(JSON.parse(specForm({ ...messy(), signatures: [] }))).toEqual({
      ...messy(),
      capabilities: { streaming: false, extensions: [{ uri: 'urn:x', params: { a: null, b: [] } }] },
      skills: [{ id: 'a', name: 'A', description: 'A.', tags: ['t'], extra: 1 }],
    })
  })
})

describe('signatures of publishers', () => {
  test('an unsigned card is unsigned', async () => {
    expect((await verifyCard(card10(), null, [enrolled])).status).toBe('unsigned')
    expect((await verifyCard(card10({ signatures: [] }), null, [enrolled])).status).toBe('unsigned')
  })
  test('a signature over the specification form is verified and recorded as spec', async () => {
    const card = { ...messy(), signatures: [await sign(specForm(messy()))] }
    expect(await verifyCard(card, null, [enrolled])).toEqual({
      status: 'verified',
      form: 'spec',
      kid: 'dev-1',
    })
  })
  test('a signature made by @a2a-js/sdk is verified and recorded as sdk', async () => {
    const signer = generateAgentCardSignature(pair.privateKey, { alg: 'ES256', kid: 'dev-1', typ: 'JOSE' })
    const card = (await signer(asSdk(messy()))) as unknown as Card
    expect(await verifyCard(card, null, [enrolled])).toEqual({
      status: 'verified',
      form: 'sdk',
      kid: 'dev-1',
    })
  })
  test('a signature of a 0.3 card is verified over the card as it came', async () => {
    const original = { ...card03(), signatures: [await sign(JSON.stringify(sorted(card03())))] }
    const verdict = validateCard(original)
    expect(await verifyCard(verdict.card as Card, verdict.original, [enrolled])).toMatchObject({
      form: '0.3',
    })
    expect(verdict.card).not.toHaveProperty('signatures')
  })
  test('one good signature among bad ones is enough', async () => {
    const signatures = [
      await sign('other', { kid: 'dev-0' }),
      await sign('other'),
      await sign(specForm(card10())),
    ]
    expect((await verifyCard(card10({ signatures }), null, [enrolled])).status).toBe('verified')
  })
  test.each([
    [
      'a changed card',
      async () => ({ ...card10({ name: 'Other' }), signatures: [await sign(specForm(card10()))] }),
    ],
    [
      'a key that is not enrolled',
      async () => card10({ signatures: [await sign(specForm(card10()), { kid: 'x' })] }),
    ],
    [
      'a jku that names the key',
      async () =>
        card10({ signatures: [await sign(specForm(card10()), { kid: 'x', jku: 'https://evil.example/' })] }),
    ],
    ['no JSON in its header', async () => card10({ signatures: [{ protected: '!!!', signature: 'AA' }] })],
    [
      'alg none',
      async () =>
        card10({
          signatures: [
            { protected: Buffer.from('{"alg":"none","kid":"dev-1"}').toString('base64url'), signature: '' },
          ],
        }),
    ],
  ])('with %s is invalid', async (_what, make) => {
    expect(await verifyCard(await make(), null, [enrolled])).toEqual({
      status: 'invalid',
      form: null,
      kid: null,
    })
  })
  test('an HMAC under the public key as secret is invalid', async () => {
    const secret = Buffer.from('0123456789abcdef0123456789abcdef')
    const oct: JWK = { kty: 'oct', k: secret.toString('base64url') }
    const jws = await new FlattenedSign(Buffer.from(specForm(card10())))
      .setProtectedHeader({ alg: 'HS256', kid: 'dev-1' })
      .sign(secret)
    const card = card10({ signatures: [{ protected: jws.protected as string, signature: jws.signature }] })
    expect((await verifyCard(card, null, [{ kid: 'dev-1', jwk: oct }])).status).toBe('invalid')
  })
})

describe('the hosted card', () => {
  const keyOf = async (kid: string) => {
    const jwk = ring.publicKeys('registry').find((one) => one.kid === kid)
    return importJWK(jwk as JWK, 'EdDSA') as Promise<
      Exclude<Awaited<ReturnType<typeof importJWK>>, Uint8Array>
    >
  }
  const cards: [string, () => Card][] = [
    ['a small card', () => card10()],
    ['a messy card', messy],
    ['a card with every security scheme', securedCard],
    ...['002', '004', '006', '008'].map((n): [string, () => Card] => [n, () => vectorCard(n)]),
    ...['020', '022', '024', '026'].map((n): [string, () => Card] => [
      n,
      () => validateCard(vectorCard(n)).card as Card,
    ]),
  ]
  test.each(cards)(
    'of %s is verified by the stock client, raw and after its resolver',
    async (_what, make) => {
      const hosted = await signCard(ring, make(), JKU)
      const verify = verifyAgentCardSignature(keyOf)
      await verify(JSON.parse(hosted.text))
      const resolver = new DefaultAgentCardResolver({ fetchImpl: async () => new Response(hosted.text) })
      await verify(await resolver.resolve('https://registry.example.com/'))
    },
  )
  test.each(cards)('of %s carries the specification form too', async (_what, make) => {
    const hosted = JSON.parse((await signCard(ring, make(), JKU)).text)
    const payload = Buffer.from(specForm(hosted)).toString('base64url')
    const results = await Promise.allSettled(
      (hosted.signatures as { protected: string; signature: string }[]).map(async (one) =>
        flattenedVerify({ ...one, payload }, await keyOf(ring.publicKeys('registry')[0]?.kid as string)),
      ),
    )
    expect(results.some((one) => one.status === 'fulfilled')).toBe(true)
  })
  test('is refused by the stock client after any change', async () => {
    const hosted = JSON.parse((await signCard(ring, card10(), JKU)).text)
    const verify = verifyAgentCardSignature(keyOf)
    await expect(verify({ ...hosted, name: 'Other' })).rejects.toThrow('No valid signatures')
  })
  test('keeps the publisher’s text and signatures, and has one signature where all forms agree', async () => {
    const own = await sign(specForm(card10()))
    const card = { zebra: 1, ...card10(), signatures: [own] }
    const hosted = JSON.parse((await signCard(ring, card, JKU)).text)
    expect(Object.keys(hosted)[0]).toBe('zebra')
    expect(hosted.signatures[0]).toEqual(own)
    const plain = JSON.parse((await signCard(ring, vectorCard('002'), JKU)).text)
    expect(plain.signatures).toHaveLength(1)
  })
  test('of the same card is the same bytes: the ETag changes only with the card', async () => {
    const [first, second] = [await signCard(ring, messy(), JKU), await signCard(ring, messy(), JKU)]
    expect(second).toEqual(first)
    expect((await signCard(ring, card10(), JKU)).etag).not.toBe(first.etag)
  })
  test('the form that a resolved card is left with differs only by its schemes', () => {
    const { securitySchemes: _out, ...rest } = securedCard()
    expect(resolvedSdkForm(securedCard())).toBe(sdkForm(rest))
  })
})

/** A shallow-safe key sort: these cards nest no keys out of order below the first level. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  )
}
