import { beforeAll, describe, expect, test } from 'vitest'
import { mailedToken, mailsTo, PASSWORD, registerDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem({ BETA_INVITE_REQUIRED: 'true' })
})

let made = 0
const newEmail = () => `invited-${++made}@example.com`
const invite = (body?: object, key?: string) =>
  system.api.post('/invites', body, { token: OPERATOR_KEY, ...(key ? { key } : {}) })
const register = (invite_code: string | undefined, email = newEmail()) =>
  system.api.post('/auth/register', { email, password: PASSWORD, display_name: 'Invited', invite_code })
const invites = () => system.api.get('/invites', { token: OPERATOR_KEY, query: { limit: '200' } })
const usesOf = async (id: string) =>
  (await invites()).body.items.find((one: { id: string }) => one.id === id)?.uses

describe('an invite', () => {
  test('is made with 201 and Location for one use; its code is shown once and never listed or kept', async () => {
    const answer = await invite()
    expect(answer.status, answer.text).toBe(201)
    expect(answer.headers.get('location')).toBe(`/api/v1/invites/${answer.body.id}`)
    expect(answer.body).toMatchObject({ email: null, max_uses: 1, uses: 0, expires_at: null })
    expect(answer.body.code).toMatch(/^nfi_[A-Za-z0-9_-]{43}$/)
    expect((await invites()).text).not.toContain(answer.body.code.slice(12))
    const rows = await system.registry.db.query('select * from registry.invites')
    expect(JSON.stringify(rows)).not.toContain(answer.body.code.slice(12))
  })

  test('opens registration, which answers 403 invite_required without one or with a wrong one', async () => {
    for (const code of [undefined, 'nfi_unknown']) {
      const answer = await register(code)
      expect([answer.status, answer.body.code]).toEqual([403, 'invite_required'])
    }
    const { id, code } = (await invite()).body
    expect((await register(code)).status).toBe(201)
    expect(await usesOf(id)).toBe(1)
    expect((await register(code)).status).toBe(403)
  })

  test('counts its uses exactly when many register at once', async () => {
    const { id, code } = (await invite({ max_uses: 3 })).body
    const answers = await Promise.all(Array.from({ length: 8 }, () => register(code)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 201, 403, 403, 403, 403, 403])
    expect(await usesOf(id)).toBe(3)
  })

  test('is not used up by an address that has an account', async () => {
    const { id, code } = (await invite({ max_uses: 2 })).body
    const email = newEmail()
    expect((await register(code, email)).status).toBe(201)
    expect((await register(code, email)).status).toBe(201)
    expect(await usesOf(id)).toBe(1)
  })

  test('bound to an address is mailed there and works for that address only', async () => {
    const email = newEmail()
    const written = email.replace('invited', 'INVITED')
    const { code } = (await invite({ email: written, max_uses: 5 })).body
    expect(await mailedToken(system, written)).toBe(code)
    expect((await register(code)).status).toBe(403)
    expect((await register(code, email)).status).toBe(201)
  })

  test('ends at its expiry', async () => {
    const expires_at = new Date(system.clock.now().getTime() + 60_000).toISOString()
    const { code } = (await invite({ expires_at, max_uses: 5 })).body
    system.clock.advance(59_000)
    expect((await register(code)).status).toBe(201)
    system.clock.advance(1000)
    expect((await register(code)).status).toBe(403)
  })

  test('ends when it is revoked; a second DELETE answers 404 not_found', async () => {
    const { id, code } = (await invite()).body
    expect((await system.api.delete(`/invites/${id}`, { token: OPERATOR_KEY })).status).toBe(204)
    expect((await register(code)).status).toBe(403)
    const again = await system.api.delete(`/invites/${id}`, { token: OPERATOR_KEY })
    expect([again.status, again.body.code]).toEqual([404, 'not_found'])
    expect(await usesOf(id)).toBeUndefined()
  })

  test('shows the same code to a repeat with the same Idempotency-Key and mails once', async () => {
    const email = newEmail()
    const first = await invite({ email }, 'invite-1')
    const again = await invite({ email }, 'invite-1')
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    expect(again.body).toEqual(first.body)
    expect(await mailsTo(system, email)).toHaveLength(1)
  })

  test.each([
    ['/max_uses', { max_uses: 0 }],
    ['/max_uses', { max_uses: 1.5 }],
    ['/max_uses', { max_uses: 10_001 }],
    ['/email', { email: 'nobody' }],
    ['/expires_at', { expires_at: '2020-01-01T00:00:00Z' }],
    ['/code', { code: 'mine' }],
  ])('is refused with 400 validation_failed at %s for %j', async (pointer, wrong) => {
    const answer = await invite(wrong)
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, pointer])
  })

  test('is for operators only: 401 unauthenticated, 403 insufficient_scope', async () => {
    const { code } = (await invite()).body
    const email = newEmail()
    await register(code, email)
    const login = await system.api.post('/auth/login', { email, password: PASSWORD })
    for (const [options, status, told] of [
      [{}, 401, 'unauthenticated'],
      [{ token: login.body.access_token }, 403, 'insufficient_scope'],
    ] as const)
      for (const answer of [
        await system.api.get('/invites', options),
        await system.api.post('/invites', {}, options),
        await system.api.delete(`/invites/${crypto.randomUUID()}`, options),
      ])
        expect([answer.status, answer.body.code]).toEqual([status, told])
  })

  test('is not needed once the operator has changed the setting', async () => {
    const set = (beta_invite_required: boolean | null) =>
      system.api.patch('/operator/settings', { beta_invite_required }, { token: OPERATOR_KEY })
    expect((await set(false)).status).toBe(200)
    const developer = await registerDeveloper(system)
    expect(developer.account).toBeTruthy()
    expect((await set(null)).status).toBe(200)
    expect((await register(undefined)).status).toBe(403)
  })
})
