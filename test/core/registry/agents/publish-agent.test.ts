import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'
import { compactVerify, exportJWK, FlattenedSign, generateKeyPair, importJWK, type JWK } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import { specForm } from '#core/registry/agents/canonicalize-card.ts'
import { publishAgent } from '#core/registry/agents/publish-agent.ts'
import {
  contextFor,
  logInDeveloper,
  registerDeveloper,
  registerUnverified,
  type TestDeveloper,
} from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'
import { card03, card10, vectorCard } from './sample-cards.ts'

let system: System
let alice: TestDeveloper
let bob: TestDeveloper

beforeAll(async () => {
  system = await startSystem({ REGISTRY_NAME: 'berlin', REGISTRY_LOCATION: 'DE;Berlin;Berlin;52.52;13.405' })
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
})

const publish = (who: TestDeveloper, body: Record<string, unknown>, key?: string) =>
  system.api.post('/agents', body, { token: who.token, ...(key ? { key } : {}) })

describe('POST /agents', () => {
  test('answers 201 with the whole envelope, signed by the registry', async () => {
    const answer = await publish(alice, { card: vectorCard('002') })
    expect(answer.status).toBe(201)
    const envelope = answer.body
    expect(answer.headers.get('location')).toBe(`/api/v1/agents/${envelope.id}`)
    expect(envelope).toMatchObject({
      did: `did:web:127.0.0.1%3A8000:api:v1:agents:${envelope.id}`,
      owner: alice.account,
      status: 'active',
      card: vectorCard('002'),
      card_version: vectorCard('002').version,
      signature_status: 'unsigned',
      origin_registry: 'berlin',
      origin_registry_location: {
        country: 'DE',
        region: 'Berlin',
        city: 'Berlin',
        latitude: 52.52,
        longitude: 13.405,
      },
      sequence: 1,
      reputation: { percentile: null, evidence: 0 },
    })
    expect(envelope.card_digest).toBe(
      `sha-256:${createHash('sha256')
        .update(canonicalize(envelope.card) ?? '')
        .digest('hex')}`,
    )
    await expectSigned(envelope)
    expect((await system.api.get(`/agents/${envelope.id}`)).body).toEqual(envelope)
    expect((await system.api.get(`/agents/${encodeURIComponent(envelope.did)}`)).body).toEqual(envelope)
    expect((await system.api.get(`/agents/${envelope.did}`)).body).toEqual(envelope)
  })

  test('converts a 0.3 card and keeps the original beside the version', async () => {
    const { body } = await publish(alice, { card: card03() })
    expect(body.card.supportedInterfaces).toEqual([
      { url: 'https://old.example.com/a2a', protocolBinding: 'JSONRPC', protocolVersion: '0.3' },
    ])
    const version = await system.api.get(`/agents/${body.id}/versions/1`)
    expect(version.body).toMatchObject({ card: body.card, original: card03(), card_etag: body.card_etag })
  })

  test('answers 400 validation_failed with every fault of the card and 413 payload_too_large beyond 64 KiB', async () => {
    const { status, body } = await publish(alice, { card: { supportedInterfaces: [{}] }, slug: 'x' })
    expect([status, body.code, body.read_as]).toEqual([400, 'validation_failed', '1.0'])
    expect(body.errors).toHaveLength(10)
    const large = await publish(alice, { card: card10({ x: 'x'.repeat(66_000) }) })
    expect([large.status, large.body.code, large.body.limit_bytes]).toEqual([
      413,
      'payload_too_large',
      65_536,
    ])
    expect((await publish(alice, {})).body.errors).toEqual([
      { pointer: '/card', code: 'required', detail: 'is required' },
    ])
  })

  test('answers 400 validation_failed for an unknown field and a malformed slug', async () => {
    const { body } = await publish(alice, { card: card10(), slug: 'No Slug', more: 1 })
    expect(body.errors.map((fault: { pointer: string }) => fault.pointer).sort()).toEqual(['/more', '/slug'])
  })

  test('answers 400 for a number that JSON readers turn into infinity, also with an Idempotency-Key', async () => {
    const text = JSON.stringify({ card: card10() }).replace('{"card":{', '{"card":{"x":1e999,')
    const answer = await system.api.post('/agents', text, { token: alice.token, key: 'infinite' })
    expect(answer.status).toBe(400)
  })

  test('answers 409 slug_taken for a slug that was asked for, and derives a free one otherwise', async () => {
    const name = 'Überall Köche'
    const first = await publish(alice, { card: card10({ name }) })
    const second = await publish(bob, { card: card10({ name }) })
    expect([first.body.slug, second.body.slug]).toEqual(['uberall-koche', 'uberall-koche-2'])
    const third = await publish(bob, { card: card10({ name }), slug: 'uberall-koche' })
    expect([third.status, third.body.code]).toEqual([409, 'slug_taken'])
    const chinese = await publish(bob, { card: vectorCard('026') })
    expect(chinese.body.slug).toMatch(/^[a-z0-9-]+$/)
  })

  test('answers 401 unauthenticated without credential, 403 insufficient_scope to operators', async () => {
    const nobody = await system.api.post('/agents', { card: card10() })
    expect([nobody.status, nobody.body.code]).toEqual([401, 'unauthenticated'])
    const operator = await system.api.post('/agents', { card: card10() }, { token: OPERATOR_KEY })
    expect([operator.status, operator.body.code]).toEqual([403, 'insufficient_scope'])
  })

  test('answers 403 email_not_verified until the address is verified', async () => {
    await registerUnverified(system, 'new@example.com')
    const dev = await logInDeveloper(system, 'new@example.com')
    const answer = await publish(dev, { card: card10() })
    expect([answer.status, answer.body.code]).toEqual([403, 'email_not_verified'])
  })

  test('answers 401 unauthenticated when the account was deleted after its credential was read', async () => {
    const carol = await registerDeveloper(system)
    const caller = await readCaller(contextFor(system), carol.token)
    if (!caller) throw new Error('no caller')
    expect((await system.api.delete('/auth/me', { token: carol.token })).status).toBe(204)
    const late = publishAgent(contextFor(system, caller), { card: vectorCard('002') })
    await expect(late).rejects.toMatchObject({ status: 401, code: 'unauthenticated' })
    const mine = await system.registry.db.query('select 1 from registry.agents where owner = $1', [
      carol.account,
    ])
    expect(mine).toEqual([])
  })

  test('a repeat with the same Idempotency-Key gives the first envelope and makes no second agent', async () => {
    const first = await publish(bob, { card: card10() }, 'once')
    const again = await publish(bob, { card: card10() }, 'once')
    expect([again.status, again.body.id]).toEqual([201, first.body.id])
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    const other = await publish(bob, { card: card10({ name: 'Other' }) }, 'once')
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused'])
  })

  test('agents of the same name published at the same moment all get their own slug', async () => {
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => publish(bob, { card: card10({ name: 'Crowd' }) })),
    )
    expect(answers.map((one) => one.status)).toEqual([201, 201, 201, 201])
    expect(new Set(answers.map((one) => one.body.slug)).size).toBe(4)
  })

  test('emits agent.published with the envelope, for everybody', async () => {
    const { body } = await publish(alice, { card: card10() })
    const [event] = await system.registry.db.query<{ type: string; data: unknown; audience: unknown }>(
      'select type, data, audience from registry.outbox where subject = $1',
      [`agents/${body.id}`],
    )
    expect(event).toEqual({ type: 'agent.published', data: body, audience: null })
    expect(system.woken).toContain('relay')
    const found = await system.api.get('/discovery/agents', { query: { q: body.card.name, limit: '200' } })
    expect(found.body.items.map((one: { id: string }) => one.id)).toContain(body.id)
  })
})

describe('POST /agents/validate', () => {
  test('tells validity, faults, warnings and the converted card, without a credential', async () => {
    const good = await system.api.post('/agents/validate', { card: card10() })
    expect([good.status, good.body]).toEqual([
      200,
      { valid: true, errors: [], warnings: [], read_as: '1.0', converted: null },
    ])
    const loopback = await system.api.post('/agents/validate', { card: vectorCard('024') })
    expect(loopback.body).toMatchObject({ valid: true, read_as: '0.3' })
    expect(loopback.body.converted.supportedInterfaces[0].url).toBe('http://127.0.0.1:8081/api/a2a')
    expect(loopback.body.warnings).toContainEqual(
      expect.objectContaining({ pointer: '/card/url', code: 'loopback_url' }),
    )
    const bad = await system.api.post('/agents/validate', { card: {} })
    expect([bad.status, bad.body.valid, bad.body.errors.length]).toEqual([200, false, 8])
  })
})

describe('the genesis grant', () => {
  const balance = async (agent: { id: string }, who: TestDeveloper) =>
    (await system.api.get(`/agents/${agent.id}/balance`, { token: who.token })).body.available
  const change = (settings: Record<string, unknown>) =>
    system.api.patch('/operator/settings', settings, { token: OPERATOR_KEY })

  test('is paid once for a developer, to the first agent, before POST /agents has answered', async () => {
    const dev = await registerDeveloper(system)
    const [first, second] = [
      (await publish(dev, { card: card10() })).body,
      (await publish(dev, { card: card10() })).body,
    ]
    expect([await balance(first, dev), await balance(second, dev)]).toEqual(['1000', '0'])
  })
  test('is paid once for a developer who publishes several first agents at the same moment', async () => {
    const dev = await registerDeveloper(system)
    const made = await Promise.all([1, 2, 3].map(() => publish(dev, { card: card10() })))
    const balances = await Promise.all(made.map((one) => balance(one.body, dev)))
    expect(balances.sort()).toEqual(['0', '0', '1000'])
  })
  test('follows the settings of the operator, and 0 means none', async () => {
    expect((await change({ genesis_grant_amount: '12.5' })).status).toBe(200)
    const dev = await registerDeveloper(system)
    expect(await balance((await publish(dev, { card: card10() })).body, dev)).toBe('12.5')
    await change({ genesis_grant_amount: '0' })
    const late = await registerDeveloper(system)
    expect(await balance((await publish(late, { card: card10() })).body, late)).toBe('0')
    const due = await system.registry.db.query('select 1 from registry.grants_due where developer = $1', [
      late.account,
    ])
    expect(due).toEqual([])
    await change({ genesis_grant_amount: null })
  })
})

describe('signatures at ingest', () => {
  test('are verified against the enrolled keys of the developer only', async () => {
    const pair = await generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'card-key', alg: 'ES256', use: 'sig' }
    await system.registry.db.query(
      `insert into registry.signing_keys (id, account, kid, jwk, created_at) values ($1, $2, $3, $4::json, $5)`,
      [crypto.randomUUID(), alice.account, 'card-key', JSON.stringify(jwk), system.clock.now()],
    )
    const jws = await new FlattenedSign(Buffer.from(specForm(card10())))
      .setProtectedHeader({ alg: 'ES256', kid: 'card-key', typ: 'JOSE' })
      .sign(pair.privateKey)
    const card = card10({ signatures: [{ protected: jws.protected, signature: jws.signature }] })
    const mine = await publish(alice, { card })
    expect(mine.body.signature_status).toBe('verified')
    const version = await system.api.get(`/agents/${mine.body.id}/versions/1`)
    expect(version.body).toMatchObject({ signature_form: 'spec', signature_kid: 'card-key' })
    expect((await publish(bob, { card })).body.signature_status).toBe('invalid')
  })
})

/** Verifies an envelope as a stranger would: with the published key, over everything but three fields. */
async function expectSigned(envelope: Record<string, unknown>): Promise<void> {
  const { registry_signature, reputation: _r, card_etag: _e, ...signed } = envelope
  const [head] = String(registry_signature).split('.')
  const { kid } = JSON.parse(Buffer.from(head ?? '', 'base64url').toString('utf8'))
  const jwk = system.registry.keys.publicKeys('registry').find((one) => one.kid === kid)
  const { payload } = await compactVerify(String(registry_signature), await importJWK(jwk as JWK, 'EdDSA'))
  expect(Buffer.from(payload).toString('utf8')).toBe(canonicalize(signed))
}
