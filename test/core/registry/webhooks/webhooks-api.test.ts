import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { WEBHOOKS_PER_ACCOUNT } from '#core/registry/webhooks/rules.ts'
import { logInDeveloper, registerDeveloper, registerUnverified } from '#test/support/accounts.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'
import { startWebhooks } from '#test/support/webhooks.ts'

const world = await startWebhooks({
  WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1/32',
  SECRET_KEY: 'a secret for the seals of the tests',
})
const { system, sink, make, tell, queue, deliver } = world
const { api, registry } = system
let alice: Awaited<ReturnType<typeof registerDeveloper>>
let bob: Awaited<ReturnType<typeof registerDeveloper>>

beforeAll(async () => {
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
})
beforeEach(async () => {
  sink.reset()
  await world.clear(alice.token)
})

describe('POST /webhooks', () => {
  test('answers 201 with Location, the webhook and its secret, which is never shown again', async () => {
    const wish = {
      url: sink.url('/hook'),
      types: ['transfer.*', 'agent.>'],
      description: 'books',
      ordered: true,
    }
    const answer = await api.post('/webhooks', wish, { token: alice.token })
    expect(answer.status).toBe(201)
    const { secret, ...webhook } = answer.body
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(answer.headers.get('location')).toBe(`/api/v1/webhooks/${webhook.id}`)
    expect(webhook).toMatchObject({ ...wish, status: 'active', disabled: null, failures: 0 })
    expect(webhook.public_key).toMatch(/^whpk_[A-Za-z0-9+/]{43}=$/)
    const read = await api.get(`/webhooks/${webhook.id}`, { token: alice.token })
    expect(read.body).toEqual(webhook)
    const listed = await api.get('/webhooks', { token: alice.token })
    expect(listed.body).toEqual({ items: [webhook], next_cursor: null })
    // Sealed: neither the secret nor its bytes stand in the database.
    const [row] = await registry.db.query<{ secret: string }>('select secret from registry.webhooks')
    expect(row?.secret).toMatch(/^gcm:/)
    expect(row?.secret).not.toContain(secret.slice(6))
  })

  test('makes one webhook for one Idempotency-Key, and gives the same secret again', async () => {
    const wish = { url: sink.url(), types: ['>'] }
    const first = await api.post('/webhooks', wish, { token: alice.token, key: 'once' })
    const second = await api.post('/webhooks', wish, { token: alice.token, key: 'once' })
    expect([second.status, second.body]).toEqual([201, first.body])
    expect((await api.get('/webhooks', { token: alice.token })).body.items).toHaveLength(1)
  })

  test.each([
    [{ types: ['>'] }, '/url'],
    [{ url: 'https://example.com/', types: [] }, '/types'],
    [{ url: 'https://example.com/', types: ['Transfer'] }, '/types/0'],
    [{ url: 'https://example.com/', types: Array(33).fill('a') }, '/types'],
    [{ url: 'https://example.com/', types: ['>'], description: 'x\u0000' }, '/description'],
    [{ url: 'https://example.com/', types: ['>'], secret: 'mine' }, '/secret'],
    [{ url: `https://example.com/${'x'.repeat(2048)}`, types: ['>'] }, '/url'],
  ])('answers 400 validation_failed to %j', async (body, pointer) => {
    const answer = await api.post('/webhooks', body, { token: alice.token })
    expect([answer.status, answer.body.code, answer.body.errors[0].pointer]).toEqual([
      400,
      'validation_failed',
      pointer,
    ])
  })

  test('answers 409 too_many_webhooks beyond the limit of an account, also to rivals', async () => {
    for (let count = 2; count < WEBHOOKS_PER_ACCOUNT; count++) await make(alice.token)
    const wish = { url: sink.url(), types: ['>'] }
    const rivals = await Promise.all(
      [1, 2, 3, 4].map(() => api.post('/webhooks', wish, { token: alice.token })),
    )
    expect(rivals.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409])
    const refused = rivals.find(({ status }) => status === 409)
    expect(refused?.body.code).toBe('too_many_webhooks')
  })

  test('answers 403 email_not_verified before the address of the account is, 403 insufficient_scope to other keys', async () => {
    await registerUnverified(system, 'unverified@example.com')
    const carol = await logInDeveloper(system, 'unverified@example.com')
    const wish = { url: sink.url(), types: ['>'] }
    const early = await api.post('/webhooks', wish, { token: carol.token })
    expect([early.status, early.body.code]).toEqual([403, 'email_not_verified'])
    const scopes = ['webhooks:read']
    const { secret } = (await api.post('/auth/api-keys', { name: 'r', scopes }, { token: alice.token })).body
    expect((await api.get('/webhooks', { token: secret })).status).toBe(200)
    const narrow = await api.post('/webhooks', wish, { token: secret })
    expect([narrow.status, narrow.body.code]).toEqual([403, 'insufficient_scope'])
    expect((await api.get('/webhooks')).status).toBe(401)
  })
})

describe('a webhook', () => {
  test('is not there for another developer, by no route', async () => {
    const { id } = await make(alice.token)
    await tell({})
    await queue()
    await deliver()
    const [delivery] = (await api.get(`/webhooks/${id}/deliveries`, { token: alice.token })).body.items
    const token = bob.token
    const answers = [
      await api.get(`/webhooks/${id}`, { token }),
      await api.patch(`/webhooks/${id}`, { description: 'mine' }, { token }),
      await api.delete(`/webhooks/${id}`, { token }),
      await api.post(`/webhooks/${id}/test`, undefined, { token }),
      await api.post(`/webhooks/${id}/rotate-secret`, undefined, { token }),
      await api.get(`/webhooks/${id}/deliveries`, { token }),
      await api.post(`/webhooks/${id}/replay`, { from: 1, to: 2 }, { token }),
      await api.post(`/webhooks/deliveries/${delivery.id}/retry`, undefined, { token }),
      // Operators have their own, and do not see the address of a developer's endpoint either.
      await api.get(`/webhooks/${id}`, { token: OPERATOR_KEY }),
    ]
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 404))
    expect((await api.get('/webhooks', { token })).body.items).toEqual([])
  })

  test('is changed in part, disabled and made active again', async () => {
    const { id } = await make(alice.token, { description: 'first' })
    const patch = async (body: unknown) =>
      (await api.patch(`/webhooks/${id}`, body, { token: alice.token })).body
    expect(await patch({ ordered: true })).toMatchObject({ ordered: true, description: 'first' })
    expect(await patch({ description: null })).toMatchObject({ ordered: true, description: null })
    const disabled = await patch({ status: 'disabled' })
    expect(disabled).toMatchObject({ status: 'disabled', disabled: { reason: 'owner' } })
    await tell({})
    await queue()
    expect(await patch({ status: 'active' })).toMatchObject({ status: 'active', disabled: null })
    await deliver()
    expect(sink.received).toEqual([])
  })

  test('that is deleted takes its deliveries with it, those that wait too', async () => {
    const { id } = await make(alice.token)
    await tell({}, {})
    await queue()
    expect((await api.delete(`/webhooks/${id}`, { token: alice.token })).status).toBe(204)
    expect(await deliver()).toEqual({ delivered: 0, failed: 0 })
    expect((await api.get(`/webhooks/${id}`, { token: alice.token })).status).toBe(404)
    expect(await registry.db.query('select 1 from registry.webhook_deliveries')).toEqual([])
  })

  test('of a suspended account waits; of a deleted account it goes', async () => {
    const dora = await registerDeveloper(system)
    await make(dora.token)
    await tell({})
    await queue()
    const set = (status: string) =>
      api.patch('/operator/accounts', { account: dora.account, status }, { token: OPERATOR_KEY })
    await set('suspended')
    expect(await deliver()).toEqual({ delivered: 0, failed: 0 })
    await set('active')
    expect(await deliver()).toEqual({ delivered: 1, failed: 0 })
    const { token } = await logInDeveloper(system, dora.email)
    expect((await api.delete('/auth/me', { token })).status).toBe(204)
    expect(
      await registry.db.query('select 1 from registry.webhooks where account = $1', [dora.account]),
    ).toEqual([])
  })

  test('shows its deliveries newest first, by pages and by state', async () => {
    const { id } = await make(alice.token)
    const head = await tell({}, {}, {})
    await queue()
    sink.answer = ({ index }, response) => response.writeHead(index === head ? 500 : 200).end()
    await deliver()
    const page = async (query: Record<string, string>) =>
      (await api.get(`/webhooks/${id}/deliveries`, { token: alice.token, query })).body
    const first = await page({ limit: '2' })
    expect(first.items.map(({ index }: { index: number }) => index)).toEqual([head, head - 1])
    const second = await page({ limit: '2', cursor: first.next_cursor })
    expect(second.items.map(({ index }: { index: number }) => index)).toEqual([head - 2])
    expect(second.next_cursor).toBeNull()
    expect((await page({ state: 'waiting' })).items).toHaveLength(1)
    expect((await page({ state: 'failed' })).items).toEqual([])
    const mixed = await api.get(`/webhooks/${id}/deliveries`, {
      token: alice.token,
      query: { cursor: first.next_cursor, state: 'waiting' },
    })
    expect([mixed.status, mixed.body.code]).toEqual([400, 'cursor_mismatch'])
  })
})
