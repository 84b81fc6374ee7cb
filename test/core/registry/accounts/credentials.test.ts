import { beforeAll, describe, expect, test } from 'vitest'
import { changeAccount } from '#core/registry/accounts/change-account.ts'
import {
  createAgentKey,
  listAgentKeys,
  revokeAgentKey,
} from '#core/registry/accounts/credentials/manage-agent-keys.ts'
import type { NewAgentKey } from '#core/registry/accounts/credentials/schema.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import {
  contextFor,
  insertAgent,
  logInDeveloper,
  registerDeveloper,
  type TestDeveloper,
} from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let alice: TestDeveloper
let bob: TestDeveloper
beforeAll(async () => {
  system = await startSystem()
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
})

const makeKey = (body: object, token = alice.token, key?: string) =>
  system.api.post(
    '/auth/api-keys',
    { name: 'ci', scopes: ['*'], ...body },
    { token, ...(key ? { key } : {}) },
  )
const keysOf = (token: string) => system.api.get('/auth/api-keys', { token })
const works = async (token: string) => (await keysOf(token)).status === 200
const operator = () =>
  contextFor(system, { kind: 'operator', account: null, key: 'preset', roles: ['operator'] })

describe('an API key', () => {
  test('is made with 201 and Location; its secret is shown once and never listed or kept', async () => {
    const made = await makeKey({ scopes: ['agents:read', 'agents:write', 'account:read'] })
    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe(`/api/v1/auth/api-keys/${made.body.id}`)
    expect(made.body).toMatchObject({
      kind: 'developer',
      roles: [],
      scopes: ['account:read', 'agents:write'],
    })
    expect(made.body.secret).toMatch(/^nfk_[A-Za-z0-9_-]{43}$/)
    const list = await keysOf(alice.token)
    expect(list.body.items.map((key: { id: string }) => key.id)).toContain(made.body.id)
    expect(list.text).not.toContain(made.body.secret.slice(12))
    const rows = await system.registry.db.query('select * from registry.credentials')
    expect(JSON.stringify(rows)).not.toContain(made.body.secret.slice(12))
  })

  test('shows the same secret to a repeat with the same Idempotency-Key, and is one key', async () => {
    const before = (await keysOf(alice.token)).body.items.length
    const first = await makeKey({ name: 'twice' }, alice.token, 'key-1')
    const again = await makeKey({ name: 'twice' }, alice.token, 'key-1')
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    expect(again.body).toEqual(first.body)
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    expect((await keysOf(alice.token)).body.items).toHaveLength(before + 1)
    const other = await makeKey({ name: 'other' }, alice.token, 'key-1')
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused'])
  })

  test('is held to its scopes: 403 insufficient_scope beyond them, write includes read', async () => {
    const { secret: reader } = (await makeKey({ scopes: ['account:read'] })).body
    const { secret: writer } = (await makeKey({ scopes: ['account:write'] })).body
    const { secret: stranger } = (await makeKey({ scopes: ['transfers:write'] })).body
    expect(await works(reader)).toBe(true)
    expect(await works(writer)).toBe(true)
    for (const answer of [await keysOf(stranger), await makeKey({}, reader)])
      expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope'])
  })

  test('passes on no scope that it does not have: 403 insufficient_scope', async () => {
    const { secret } = (await makeKey({ scopes: ['account:write', 'agents:read'] })).body
    expect((await makeKey({ scopes: ['agents:read'] }, secret)).status).toBe(201)
    for (const scopes of [['agents:write'], ['*'], ['agents:read', 'payments:read']]) {
      const answer = await makeKey({ scopes }, secret)
      expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope'])
    }
  })

  test('ends at its expiry, and one in the past is refused with 400 validation_failed at /expires_at', async () => {
    const expires_at = new Date(system.clock.now().getTime() + 60_000).toISOString()
    const { secret, id } = (await makeKey({ expires_at })).body
    system.clock.advance(59_000)
    expect(await works(secret)).toBe(true)
    system.clock.advance(1000)
    expect(await works(secret)).toBe(false)
    expect((await keysOf(alice.token)).text).not.toContain(id)
    const past = await makeKey({ expires_at })
    expect([past.status, past.body.errors[0].pointer]).toEqual([400, '/expires_at'])
  })

  test('is dead at once when it is revoked; a second DELETE answers 404 not_found', async () => {
    const { secret, id } = (await makeKey({})).body
    const path = `/auth/api-keys/${id}`
    expect((await system.api.delete(path, { token: alice.token })).status).toBe(204)
    expect(await works(secret)).toBe(false)
    const again = await system.api.delete(path, { token: alice.token })
    expect([again.status, again.body.code]).toEqual([404, 'not_found'])
  })

  test('of a suspended account sleeps with it', async () => {
    const carol = await registerDeveloper(system)
    const { secret } = (await makeKey({}, carol.token)).body
    await changeAccount(operator(), carol.account, { status: 'suspended' })
    expect(await works(secret)).toBe(false)
    await changeAccount(operator(), carol.account, { status: 'active' })
    expect(await works(secret)).toBe(true)
  })

  test('is bounded in number: 409 too_many_keys, also when many are asked for at once', async () => {
    const carol = await registerDeveloper(system)
    const answers = await Promise.all(Array.from({ length: 104 }, () => makeKey({}, carol.token)))
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(100)
    for (const answer of answers.filter(({ status }) => status !== 201))
      expect([answer.status, answer.body.code]).toEqual([409, 'too_many_keys'])
    const { id } = answers.find(({ status }) => status === 201)?.body ?? {}
    await system.api.delete(`/auth/api-keys/${id}`, { token: carol.token })
    expect((await makeKey({}, carol.token)).status).toBe(201)
  })

  test.each([
    ['/scopes', { scopes: [] }],
    ['/scopes/0', { scopes: ['agents:admin'] }],
    ['/name', { name: '' }],
    ['/expires_at', { expires_at: 'tomorrow' }],
    ['/secret', { secret: 'nfk_mine' }],
    ['/kind', { kind: 'agent' }],
  ])('is refused with 400 validation_failed at %s for %j', async (pointer, wrong) => {
    const answer = await makeKey(wrong)
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, pointer])
  })

  test('lists go on where a page ended, and a cursor of another list is refused with 400 cursor_mismatch', async () => {
    const carol = await registerDeveloper(system)
    const ids: string[] = []
    for (let n = 0; n < 5; n++) {
      system.clock.advance(1)
      ids.unshift((await makeKey({}, carol.token)).body.id)
    }
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const query: Record<string, string> = { limit: '2', ...(cursor ? { cursor } : {}) }
      const page = await system.api.get('/auth/api-keys', { token: carol.token, query })
      seen.push(...page.body.items.map((key: { id: string }) => key.id))
      cursor = page.body.next_cursor
    } while (cursor)
    expect(seen).toEqual(ids)
    const first = await system.api.get('/auth/api-keys', { token: carol.token, query: { limit: '2' } })
    const query = { cursor: first.body.next_cursor }
    const strange = await system.api.get('/auth/sessions', { token: carol.token, query })
    expect([strange.status, strange.body.code]).toEqual([400, 'cursor_mismatch'])
  })
})

describe("an operator's key", () => {
  test('is made by a session of an account with a role, acts with the roles that the account still has', async () => {
    const carol = await registerDeveloper(system)
    await changeAccount(operator(), carol.account, { roles: ['operator', 'auditor'] })
    const made = await makeKey({ kind: 'operator' }, carol.token)
    expect([made.status, made.body.kind]).toEqual([201, 'operator'])
    expect(made.body.secret).toMatch(/^nfo_/)
    const caller = () => readCaller(contextFor(system), made.body.secret)
    expect(await caller()).toMatchObject({
      kind: 'operator',
      account: carol.account,
      roles: ['auditor', 'operator'],
    })
    expect((await system.api.get('/invites', { token: made.body.secret })).status).toBe(200)
    await changeAccount(operator(), carol.account, { roles: ['auditor'] })
    expect(await caller()).toMatchObject({ roles: ['auditor'] })
    expect((await system.api.get('/invites', { token: made.body.secret })).status).toBe(403)
    await changeAccount(operator(), carol.account, { roles: [] })
    expect(await caller()).toBeNull()
  })

  test('is refused with 403 insufficient_scope without a role, and to keys', async () => {
    const plain = await makeKey({ kind: 'operator' })
    expect([plain.status, plain.body.code]).toEqual([403, 'insufficient_scope'])
    const carol = await registerDeveloper(system)
    await changeAccount(operator(), carol.account, { roles: ['operator'] })
    const { secret } = (await makeKey({}, carol.token)).body
    expect((await makeKey({ kind: 'operator' }, secret)).status).toBe(403)
    const scoped = await makeKey({ kind: 'operator', scopes: ['agents:read'] }, carol.token)
    expect([scoped.status, scoped.body.errors[0].pointer]).toEqual([400, '/scopes'])
  })

  test('opens no developer route: 403 insufficient_scope that says which credential is needed', async () => {
    const answer = await keysOf(OPERATOR_KEY)
    expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope'])
    expect(answer.body.detail).toContain('developer session')
  })
})

describe("an agent's key", () => {
  let agent: { id: string; did: string }
  let owner: RegistryContext
  let other: RegistryContext
  const wish: NewAgentKey = { name: 'pays', scopes: ['transfers:write'] }
  beforeAll(async () => {
    agent = await insertAgent(system, alice.account)
    alice = await logInDeveloper(system, alice.email)
    const callerOf = async (token: string) => {
      const caller = await readCaller(contextFor(system), token)
      if (!caller) throw new Error('no caller')
      return contextFor(system, caller)
    }
    owner = await callerOf(alice.token)
    other = await callerOf((await logInDeveloper(system, bob.email)).token)
  })

  test('is made by the owner alone: 403 not_owner, 404 agent_not_found', async () => {
    expect((await createAgentKey(owner, agent.did, wish)).agent).toBe(agent.id)
    await expect(createAgentKey(other, agent.id, wish)).rejects.toMatchObject({
      status: 403,
      code: 'not_owner',
    })
    const nowhere = createAgentKey(owner, crypto.randomUUID(), wish)
    await expect(nowhere).rejects.toMatchObject({ status: 404, code: 'agent_not_found' })
  })

  test('is seen and revoked by the owner alone: 404 agent_not_found, 403 not_owner, 404 not_found', async () => {
    const key = await createAgentKey(owner, agent.id, wish)
    expect((await listAgentKeys(owner, agent.id, { limit: 10 })).items.map(({ id }) => id)).toContain(key.id)
    const peep = listAgentKeys(other, agent.id, { limit: 10 })
    await expect(peep).rejects.toMatchObject({ status: 404, code: 'agent_not_found' })
    await expect(revokeAgentKey(other, agent.id, key.id)).rejects.toMatchObject({ code: 'not_owner' })
    await revokeAgentKey(owner, agent.id, key.id)
    await expect(revokeAgentKey(owner, agent.id, key.id)).rejects.toMatchObject({ code: 'not_found' })
    expect(await readCaller(contextFor(system), key.secret)).toBeNull()
  })

  test('is not made for a retired agent, 409 agent_not_active, and dies with the agent', async () => {
    const retiring = await insertAgent(system, alice.account)
    const key = await createAgentKey(owner, retiring.id, wish)
    expect(await readCaller(contextFor(system), key.secret)).toMatchObject({ kind: 'agent' })
    await system.registry.db.query(`update registry.agents set status = 'retired' where id = $1`, [
      retiring.id,
    ])
    expect(await readCaller(contextFor(system), key.secret)).toBeNull()
    const late = createAgentKey(owner, retiring.id, wish)
    await expect(late).rejects.toMatchObject({ status: 409, code: 'agent_not_active' })
  })

  test('is not listed among the API keys, nor revoked as one: 404 not_found', async () => {
    const key = await createAgentKey(owner, agent.id, wish)
    expect((await keysOf(alice.token)).text).not.toContain(key.id)
    const answer = await system.api.delete(`/auth/api-keys/${key.id}`, { token: alice.token })
    expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
    expect(await readCaller(contextFor(system), key.secret)).not.toBeNull()
  })

  describe('POST /auth/token', () => {
    let key: { id: string; secret: string }
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const basic = (id: string, secret: string) => ({
      authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`,
    })
    const grant = { grant_type: 'client_credentials' }
    const json = (more: object = {}) =>
      system.api.post('/auth/token', { ...grant, client_id: key.id, client_secret: key.secret, ...more })
    beforeAll(async () => {
      key = await createAgentKey(owner, agent.id, {
        name: 'oauth',
        scopes: ['transfers:write', 'agents:read'],
      })
    })

    test('takes the key as HTTP Basic with a form, as form fields and as JSON', async () => {
      const fields = new URLSearchParams({ ...grant, client_id: key.id, client_secret: key.secret })
      const answers = [
        await system.api.post('/auth/token', new URLSearchParams(grant).toString(), {
          headers: { ...form, ...basic(key.id, key.secret) },
        }),
        await system.api.post('/auth/token', fields.toString(), { headers: form }),
        await json(),
      ]
      for (const answer of answers) {
        expect(answer.status, answer.text).toBe(200)
        expect(answer.body).toMatchObject({ token_type: 'Bearer', expires_in: 900 })
        expect(answer.body.scope.split(' ').sort()).toEqual(['agents:read', 'transfers:write'])
        expect(answer.headers.get('cache-control')).toBe('no-store')
        expect(await readCaller(contextFor(system), answer.body.access_token)).toMatchObject({
          kind: 'agent',
          agent: agent.id,
          key: key.id,
        })
      }
    })

    test('gives a subset of the scopes and refuses another one as invalid_scope', async () => {
      const less = await json({ scope: 'transfers:read' })
      expect([less.status, less.body.scope]).toEqual([200, 'transfers:read'])
      const more = await json({ scope: 'transfers:read payments:write' })
      expect([more.status, more.body.error]).toEqual([400, 'invalid_scope'])
    })

    test('answers 401 invalid_client for a wrong secret, id or kind of key, or none', async () => {
      const developerKey = (await makeKey({})).body
      const wrong = [
        await json({ client_secret: `${key.secret}x` }),
        await json({ client_id: crypto.randomUUID() }),
        await json({ client_id: developerKey.id, client_secret: developerKey.secret }),
        await system.api.post('/auth/token', grant),
        await system.api.post('/auth/token', new URLSearchParams(grant).toString(), {
          headers: { ...form, ...basic(key.id, 'wrong') },
        }),
        await system.api.post('/auth/token', new URLSearchParams(grant).toString(), {
          headers: { ...form, authorization: `Basic ${Buffer.from('no colon').toString('base64')}` },
        }),
        await system.api.post('/auth/token', new URLSearchParams(grant).toString(), {
          headers: { ...form, authorization: `Basic ${Buffer.from('%zz:%zz').toString('base64')}` },
        }),
      ]
      for (const answer of wrong) {
        expect([answer.status, answer.body.error], answer.text).toEqual([401, 'invalid_client'])
        expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
      }
    })

    test('answers 400 for another grant, for credentials twice, and without a grant', async () => {
      const other = await json({ grant_type: 'password' })
      expect([other.status, other.body.error]).toEqual([400, 'unsupported_grant_type'])
      const twice = await system.api.post(
        '/auth/token',
        { ...grant, client_id: key.id, client_secret: key.secret },
        { headers: basic(key.id, key.secret) },
      )
      expect([twice.status, twice.body.error]).toEqual([400, 'invalid_request'])
      const none = await system.api.post('/auth/token', { client_id: key.id, client_secret: key.secret })
      expect([none.status, none.body.error]).toEqual([400, 'invalid_request'])
    })

    test('gives tokens that die with the key, and after 15 minutes', async () => {
      const { access_token: first } = (await json()).body
      system.clock.advance(900_000)
      expect(await readCaller(contextFor(system), first)).toBeNull()
      const { access_token: second } = (await json()).body
      expect(await readCaller(contextFor(system), second)).not.toBeNull()
      await revokeAgentKey(owner, agent.id, key.id)
      expect(await readCaller(contextFor(system), second)).toBeNull()
      expect((await json()).status).toBe(401)
    })
  })
})
