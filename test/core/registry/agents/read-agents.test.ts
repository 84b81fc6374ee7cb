import { beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '#core/platform/config.ts'
import { checkPublicUrl } from '#core/registry/agents/check-public-url.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'
import { card10 } from './sample-cards.ts'

type Json = ReturnType<typeof JSON.parse>
let system: System
let alice: TestDeveloper
let bob: TestDeveloper

beforeAll(async () => {
  system = await startSystem()
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
})

const publish = async (card: Json, who = alice): Promise<Json> => {
  const answer = await system.api.post('/agents', { card }, { token: who.token })
  expect(answer.status).toBe(201)
  return answer.body
}

describe('GET /agents/{id}', () => {
  test('has an entity tag of its own: 304 for who has it, 200 once it has changed', async () => {
    const agent = await publish(card10())
    const first = await system.api.get(`/agents/${agent.id}`)
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toMatch(/^"[^"]+"$/)
    expect(etag).not.toBe(agent.card_etag)
    const again = await system.api.get(`/agents/${agent.id}`, {
      headers: { 'if-none-match': `"x", W/${etag}` },
    })
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', etag])
    await system.api.patch(`/agents/${agent.id}/status`, { status: 'deprecated' }, { token: alice.token })
    const later = await system.api.get(`/agents/${agent.id}`, { headers: { 'if-none-match': etag } })
    expect(later.status).toBe(200)
  })

  test('answers 404 agent_not_found for an unknown id and did, 400 for what is neither', async () => {
    const answers = await Promise.all(
      [crypto.randomUUID(), 'did:web:127.0.0.1%253A8000:api:v1:agents:nobody', 'nobody'].map((ref) =>
        system.api.get(`/agents/${ref}`),
      ),
    )
    expect(answers.map((one) => [one.status, one.body.code])).toEqual([
      [404, 'agent_not_found'],
      [404, 'agent_not_found'],
      [400, 'validation_failed'],
    ])
  })
})

describe('GET /agents', () => {
  test('pages through everything once, newest first, also when agents come in between', async () => {
    const dev = await registerDeveloper(system)
    const made: string[] = []
    for (let i = 0; i < 5; i++) {
      if (i % 2 === 0) system.clock.advance(1000)
      made.push((await publish(card10(), dev)).id)
    }
    const list = (query: Record<string, string>) =>
      system.api.get('/agents', { token: dev.token, query: { mine: 'true', limit: '2', ...query } })
    const first = await list({})
    system.clock.advance(1000)
    await publish(card10(), dev)
    const second = await list({ cursor: first.body.next_cursor })
    const third = await list({ cursor: second.body.next_cursor })
    expect(third.body.next_cursor).toBeNull()
    const seen = [first, second, third].flatMap((page) => page.body.items)
    expect(seen.map((one: Json) => one.id).sort()).toEqual([...made].sort())
    const times = seen.map((one: Json) => one.created_at)
    expect(times).toEqual([...times].sort().reverse())
    const envelope = await system.api.get(`/agents/${seen[0].id}`)
    expect(seen[0]).toEqual(envelope.body)
    const other = await system.api.get('/agents', { query: { cursor: first.body.next_cursor } })
    expect([other.status, other.body.code]).toEqual([400, 'cursor_mismatch'])
    const forged = await list({ cursor: 'x' })
    expect([forged.status, forged.body.code]).toEqual([400, 'validation_failed'])
  })

  test('mine=true answers 401 unauthenticated to nobody, 403 insufficient_scope to operators and narrow keys', async () => {
    const nobody = await system.api.get('/agents', { query: { mine: 'true' } })
    expect([nobody.status, nobody.body.code]).toEqual([401, 'unauthenticated'])
    const operator = await system.api.get('/agents', { query: { mine: 'true' }, token: OPERATOR_KEY })
    expect([operator.status, operator.body.code]).toEqual([403, 'insufficient_scope'])
    const key = await system.api.post(
      '/auth/api-keys',
      { name: 'narrow', scopes: ['events:read'] },
      { token: alice.token },
    )
    const narrow = await system.api.get('/agents', { query: { mine: 'true' }, token: key.body.secret })
    expect([narrow.status, narrow.body.code]).toEqual([403, 'insufficient_scope'])
  })
})

describe('money of an agent', () => {
  let agent: Json
  let agentKey: string
  beforeAll(async () => {
    agent = await publish(card10())
    const key = await system.api.post(
      `/agents/${agent.id}/keys`,
      { name: 'k', scopes: ['agents:read'] },
      { token: alice.token },
    )
    expect(key.status).toBe(201)
    agentKey = key.body.secret
    for (const amount of ['3', '4.5'])
      await system.registry.teg.command(registryContext(system.registry), {
        op: 'grant',
        developer: crypto.randomUUID(),
        agent: agent.id,
        amount,
        budget_per_day: '1000000',
      })
  })

  test('is seen by its owner, itself, operators; others get 404 agent_not_found, nobody 401', async () => {
    for (const path of ['balance', 'statement']) {
      const statuses = await Promise.all(
        [alice.token, agentKey, OPERATOR_KEY, bob.token, undefined].map(async (token) => {
          const answer = await system.api.get(`/agents/${agent.id}/${path}`, token ? { token } : {})
          return [answer.status, answer.body.code]
        }),
      )
      expect(statuses).toEqual([
        [200, undefined],
        [200, undefined],
        [200, undefined],
        [404, 'agent_not_found'],
        [401, 'unauthenticated'],
      ])
    }
    const other = await publish(card10())
    const foreign = await system.api.get(`/agents/${other.id}/balance`, { token: agentKey })
    expect(foreign.status).toBe(404)
  })

  test('balance and statement agree, by id and by did', async () => {
    const token = alice.token
    const balance = await system.api.get(`/agents/${agent.did}/balance`, { token })
    const { items } = (await system.api.get(`/agents/${agent.id}/statement`, { token })).body
    expect(items[0].balance_after).toBe(balance.body.available)
    expect(items[0]).toMatchObject({ kind: 'genesis_grant', direction: 'in', amount: '4.5' })
    const before = await system.api.get(`/agents/${agent.id}/balance`, {
      token,
      query: { at: '2026-01-01T00:00:00Z' },
    })
    expect(before.body.total).toBe('0')
    const none = await system.api.get(`/agents/${agent.id}/statement`, {
      token,
      query: { to: '2026-01-01T00:00:00Z' },
    })
    expect(none.body).toEqual({ items: [], next_cursor: null })
    const bad = await system.api.get(`/agents/${agent.id}/balance`, { token, query: { at: 'yesterday' } })
    expect([bad.status, bad.body.errors[0].pointer]).toEqual([400, '?at'])
  })

  test('answers 400 validation_failed at ?from when it is after to', async () => {
    const query = { from: '2026-02-01T00:00:00Z', to: '2026-01-01T00:00:00Z' }
    const { status, body } = await system.api.get(`/agents/${agent.id}/statement`, {
      token: alice.token,
      query,
    })
    expect([status, body.errors?.[0]]).toEqual([
      400,
      { pointer: '?from', code: 'custom', detail: 'must not be after to' },
    ])
  })

  test('a statement comes as CSV where Accept prefers it, with a link to the next page', async () => {
    const token = alice.token
    const json = await system.api.get(`/agents/${agent.id}/statement`, { token, query: { limit: '1' } })
    const csv = await system.api.get(`/agents/${agent.id}/statement`, {
      token,
      query: { limit: '1' },
      headers: { accept: 'text/csv, application/json;q=0.5' },
    })
    expect(csv.headers.get('content-type')).toMatch(/^text\/csv/)
    const [head, line, end] = csv.text.split('\r\n')
    expect(head).toBe(
      'id,transfer_id,kind,direction,amount,fee,counterparty_did,balance_after,sequence,created_at',
    )
    const [item] = json.body.items
    expect(line).toBe(Object.values({ ...item, counterparty_did: item.counterparty_did ?? '' }).join(','))
    expect(end).toBe('')
    const link = /^<\?([^>]+)>; rel="next"$/.exec(csv.headers.get('link') ?? '')?.[1]
    expect(new URLSearchParams(link).get('cursor')).toBe(json.body.next_cursor)
  })
})

describe('keys of an agent', () => {
  test('are listed and revoked by the owner; others get 404 agent_not_found and 403 not_owner', async () => {
    const agent = await publish(card10())
    const key = await system.api.post(
      `/agents/${agent.id}/keys`,
      { name: 'k', scopes: ['agents:read'], limits: { per_transfer: '1.50' } },
      { token: alice.token },
    )
    expect(key.headers.get('location')).toBe(`/api/v1/agents/${agent.id}/keys/${key.body.id}`)
    expect(key.body.limits.per_transfer).toBe('1.5')
    const list = (token: string) => system.api.get(`/agents/${agent.id}/keys`, { token })
    expect((await list(alice.token)).body.items.map((one: Json) => one.id)).toEqual([key.body.id])
    expect((await list(bob.token)).body.code).toBe('agent_not_found')
    const revoke = (token: string) => system.api.delete(`/agents/${agent.id}/keys/${key.body.id}`, { token })
    expect((await revoke(bob.token)).body.code).toBe('not_owner')
    expect((await revoke(alice.token)).status).toBe(204)
    const after = await system.api.get(`/agents/${agent.id}/balance`, { token: key.body.secret })
    expect([after.status, after.body.code]).toEqual([401, 'unauthenticated'])
  })
})

describe('the guard of PUBLIC_URL', () => {
  const check = (env: Record<string, string>) =>
    checkPublicUrl({ db: system.registry.db, config: readConfig(env) })
  test('lets the same host start, and another one only with the old one as alias', async () => {
    await publish(card10())
    await check({})
    await check({ PUBLIC_URL: 'https://127.0.0.1:8000/' })
    await expect(check({ PUBLIC_URL: 'https://new.example.com' })).rejects.toThrow(
      /PUBLIC_URL: its host is new\.example\.com, but .* stands under 127\.0\.0\.1:8000/,
    )
    await check({ PUBLIC_URL: 'https://new.example.com', PUBLIC_URL_ALIASES: 'http://127.0.0.1:8000' })
    await expect(check({ PUBLIC_URL_ALIASES: 'not a url' })).rejects.toThrow(/PUBLIC_URL_ALIASES/)
  })
})
