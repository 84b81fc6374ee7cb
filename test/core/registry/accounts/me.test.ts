import { beforeAll, describe, expect, test } from 'vitest'
import { createAgentKey } from '#core/registry/accounts/credentials/manage-agent-keys.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import {
  contextFor,
  insertAgent,
  logInDeveloper,
  mailedToken,
  PASSWORD,
  registerDeveloper,
  type TestDeveloper,
} from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let alice: TestDeveloper
beforeAll(async () => {
  system = await startSystem()
  alice = await registerDeveloper(system)
})

const NEW_PASSWORD = 'another horse battery staple'
const change = (body: object, token = alice.token, api = system.api) => api.patch('/auth/me', body, { token })
const me = (token: string) => system.api.get('/auth/me', { token })
const logIn = (email: string, password: string) => system.api.post('/auth/login', { email, password })

describe('GET and PATCH /auth/me', () => {
  test('show and change the name, and never a hash', async () => {
    const before = await me(alice.token)
    expect(Object.keys(before.body).sort()).toEqual([
      'created_at',
      'display_name',
      'email',
      'email_verified',
      'id',
      'roles',
      'status',
    ])
    expect(before.body).toMatchObject({ id: alice.account, email: alice.email, status: 'active', roles: [] })
    const changed = await change({ display_name: 'Alice Λ' })
    expect([changed.status, changed.body]).toEqual([200, { ...before.body, display_name: 'Alice Λ' }])
    expect((await change({})).body).toEqual(changed.body)
  })

  test.each([
    ['/roles', { roles: ['operator'] }],
    ['/email', { email: 'other@example.com' }],
    ['/status', { status: 'active' }],
    ['/display_name', { display_name: '' }],
    ['/current_password', { password: NEW_PASSWORD }],
    ['/password', { current_password: PASSWORD }],
    ['/password', { current_password: PASSWORD, password: 'short' }],
    ['/current_password', { current_password: 'not the password', password: NEW_PASSWORD }],
  ])('PATCH answers 400 validation_failed at %s for %j and changes nothing', async (pointer, body) => {
    const before = (await me(alice.token)).body
    const answer = await change(body)
    expect([answer.status, answer.body.code, answer.body.errors[0].pointer]).toEqual([
      400,
      'validation_failed',
      pointer,
    ])
    expect((await me(alice.token)).body).toEqual(before)
    expect((await logIn(alice.email, PASSWORD)).status).toBe(200)
  })

  test('a new password ends the other sessions and the links that reset it, not this session', async () => {
    const carol = await registerDeveloper(system)
    const other = await logInDeveloper(system, carol.email)
    await system.api.post('/auth/password/forgot', { email: carol.email })
    const link = await mailedToken(system, carol.email)
    const wish = { current_password: PASSWORD, password: NEW_PASSWORD }
    expect((await change(wish, carol.token)).status).toBe(200)
    expect((await me(carol.token)).status).toBe(200)
    expect((await me(other.token)).status).toBe(401)
    expect((await logIn(carol.email, PASSWORD)).status).toBe(401)
    expect((await logIn(carol.email, NEW_PASSWORD)).status).toBe(200)
    const reset = { token: link, password: 'third horse battery staple' }
    expect((await system.api.post('/auth/password/reset', reset)).status).toBe(400)
  })

  test('a repeat with the same Idempotency-Key gives 200 again, though the password is another by then', async () => {
    const carol = await registerDeveloper(system)
    const wish = { current_password: PASSWORD, password: NEW_PASSWORD }
    const again = () => system.api.patch('/auth/me', wish, { token: carol.token, key: 'new-password' })
    const [first, second] = [await again(), await again()]
    expect([first.status, second.status, second.text]).toEqual([200, 200, first.text])
    expect(second.headers.get('idempotency-replayed')).toBe('true')
  })

  test('of two changes at once one wins and the other answers 400 at /current_password', async () => {
    const carol = await registerDeveloper(system)
    const answers = await Promise.all(
      [NEW_PASSWORD, 'third horse battery staple'].map((password) =>
        change({ current_password: PASSWORD, password }, carol.token),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400])
  })

  test('guesses at the current password are slowed down with 429 rate_limited', async () => {
    const carol = await registerDeveloper(system)
    const thief = system.apiFrom('203.0.113.20')
    const guess = () => change({ current_password: 'guess', password: NEW_PASSWORD }, carol.token, thief)
    const statuses: number[] = []
    for (let attempt = 0; attempt < 7; attempt++) statuses.push((await guess()).status)
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429, 429])
  })
})

describe('sessions', () => {
  test('are listed newest first with where they come from, and end alone or all at once', async () => {
    const carol = await registerDeveloper(system)
    system.clock.advance(1000)
    const second = await logInDeveloper(system, carol.email)
    const list = await system.api.get('/auth/sessions', { token: second.token })
    expect(list.body.items.map((one: { current: boolean }) => one.current)).toEqual([true, false])
    expect(list.body.items[0].address).toBe('192.0.2.1')
    const path = `/auth/sessions/${list.body.items[1].id}`
    expect((await system.api.get(path, { token: second.token })).body).toEqual(list.body.items[1])
    expect((await system.api.delete(path, { token: second.token })).status).toBe(204)
    const gone = await system.api.get(path, { token: second.token })
    expect([gone.status, gone.body.code]).toEqual([404, 'not_found'])
    expect((await system.api.delete('/auth/sessions', { token: second.token })).status).toBe(204)
    expect((await me(second.token)).status).toBe(401)
  })
})

describe('things of another developer', () => {
  test('answer 404 not_found on every route with an id, and stay', async () => {
    const [owner, stranger] = [await registerDeveloper(system), await registerDeveloper(system)]
    const key = await system.api.post('/auth/api-keys', { name: 'k', scopes: ['*'] }, { token: owner.token })
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
    const signing = await system.api.post('/auth/signing-keys', { jwk }, { token: owner.token })
    const session = (await system.api.get('/auth/sessions', { token: owner.token })).body.items[0]
    const things = { 'api-keys': key.body.id, 'signing-keys': signing.body.id, sessions: session.id }
    const strangers = await system.api.post(
      '/auth/api-keys',
      { name: 'k', scopes: ['*'] },
      { token: stranger.token },
    )
    for (const token of [stranger.token, strangers.body.secret])
      for (const [kind, id] of Object.entries(things)) {
        const answers = [await system.api.delete(`/auth/${kind}/${id}`, { token })]
        if (kind === 'sessions') answers.push(await system.api.get(`/auth/${kind}/${id}`, { token }))
        for (const answer of answers) expect([answer.status, answer.body.code]).toEqual([404, 'not_found'])
        expect((await system.api.get(`/auth/${kind}`, { token })).text).not.toContain(id)
      }
    for (const [kind, id] of Object.entries(things))
      expect((await system.api.get(`/auth/${kind}`, { token: owner.token })).text).toContain(id)
  })
})

describe('DELETE /auth/me', () => {
  test('answers 409 account_has_agents until every agent is retired, and then 204', async () => {
    const carol = await registerDeveloper(system)
    const agent = await insertAgent(system, carol.account)
    const refused = await system.api.delete('/auth/me', { token: carol.token })
    expect([refused.status, refused.body.code]).toEqual([409, 'account_has_agents'])
    expect((await me(carol.token)).status).toBe(200)
    await system.registry.db.query(`update registry.agents set status = 'retired' where id = $1`, [agent.id])
    expect((await system.api.delete('/auth/me', { token: carol.token })).status).toBe(204)
    const [row] = await system.registry.db.query('select owner from registry.agents where id = $1', [
      agent.id,
    ])
    expect(row).toEqual({ owner: carol.account })
  })

  test('ends every session and key and forgets every personal word; the id stays', async () => {
    const carol = await registerDeveloper(system, 'carol.unmistakable@example.com')
    const agent = await insertAgent(system, carol.account)
    const caller = await readCaller(contextFor(system), carol.token)
    if (!caller) throw new Error('no caller')
    const agentKey = await createAgentKey(contextFor(system, caller), agent.id, { name: 'a', scopes: ['*'] })
    await change({ display_name: 'Carol Unmistakable' }, carol.token)
    const key = await system.api.post('/auth/api-keys', { name: 'k', scopes: ['*'] }, { token: carol.token })
    const invited = await system.api.post('/invites', { email: carol.email }, { token: OPERATOR_KEY })
    await system.api.post('/auth/password/forgot', { email: carol.email })
    const link = await mailedToken(system, carol.email)
    await system.registry.db.query(`update registry.agents set status = 'retired' where id = $1`, [agent.id])
    expect((await system.api.delete('/auth/me', { token: carol.token })).status).toBe(204)
    for (const token of [carol.token, key.body.secret, agentKey.secret])
      expect(await readCaller(contextFor(system), token)).toBeNull()
    const dead = [
      await system.api.delete('/auth/me', { token: carol.token }),
      await system.api.post('/auth/refresh', { refresh_token: carol.refreshToken }),
      await logIn(carol.email, PASSWORD),
    ]
    expect(dead.map(({ status }) => status)).toEqual([401, 401, 401])
    const reset = { token: link, password: NEW_PASSWORD }
    expect((await system.api.post('/auth/password/reset', reset)).status).toBe(400)
    const tables = [
      'accounts',
      'sessions',
      'refresh_tokens',
      'mail_tokens',
      'mails',
      'invites',
      'login_failures',
    ]
    for (const table of [...tables, 'credentials', 'signing_keys', 'outbox']) {
      const rows = await system.registry.db.query(`select * from registry.${table}`)
      expect(
        JSON.stringify(rows, (_, v) => (typeof v === 'bigint' ? `${v}` : v)),
        table,
      ).not.toMatch(/unmistakable/i)
    }
    const [row] = await system.registry.db.query('select status from registry.accounts where id = $1', [
      carol.account,
    ])
    expect(row).toEqual({ status: 'deleted' })
    const list = await system.api.get('/invites', { token: OPERATOR_KEY })
    expect(list.text).not.toContain(invited.body.id)
  })

  test('frees the address for a new account, which has another id and the same genesis grant key', async () => {
    const carol = await registerDeveloper(system)
    await system.api.delete('/auth/me', { token: carol.token })
    const again = await registerDeveloper(system, carol.email)
    expect(again.account).not.toBe(carol.account)
    const keys = await system.registry.db.query(
      'select distinct grant_key from registry.accounts where id = any($1::uuid[])',
      [[carol.account, again.account]],
    )
    expect(keys).toHaveLength(1)
  })
})
