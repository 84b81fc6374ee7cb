import { beforeAll, describe, expect, test } from 'vitest'
import { changeAccount } from '#core/registry/accounts/change-account.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import { contextFor, registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let alice: TestDeveloper
beforeAll(async () => {
  system = await startSystem()
  alice = await registerDeveloper(system)
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
