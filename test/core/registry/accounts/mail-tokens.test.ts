import { beforeAll, describe, expect, test } from 'vitest'
import {
  logInDeveloper,
  mailedToken,
  mailsTo,
  PASSWORD,
  registerDeveloper,
  registerUnverified,
} from '#test/support/accounts.ts'
import { type System, startSystem } from '#test/support/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem()
})

let made = 0
const newEmail = () => `mailed-${++made}@example.com`
const NEW_PASSWORD = 'another horse battery staple'
const forgot = (email: string) => system.api.post('/auth/password/forgot', { email })
const reset = (token: string, password = NEW_PASSWORD) =>
  system.api.post('/auth/password/reset', { token, password })
const verify = (token: string, key?: string) =>
  system.api.post('/auth/verify-email', { token }, key ? { key } : {})
const logIn = (email: string, password: string) => system.api.post('/auth/login', { email, password })
const refusedToken = { code: 'validation_failed', errors: [{ pointer: '/token', code: 'unknown_token' }] }

describe('the link that verifies an address', () => {
  test('works once; a second time it answers 400 validation_failed at /token', async () => {
    const email = newEmail()
    await registerUnverified(system, email)
    const token = await mailedToken(system, email)
    expect((await verify(token)).status).toBe(204)
    const again = await verify(token)
    expect(again.status).toBe(400)
    expect(again.body).toMatchObject(refusedToken)
  })

  test('gives 204 again to a repeat with the same Idempotency-Key', async () => {
    const email = newEmail()
    await registerUnverified(system, email)
    const token = await mailedToken(system, email)
    const key = crypto.randomUUID()
    expect((await verify(token, key)).status).toBe(204)
    const again = await verify(token, key)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([204, 'true'])
  })

  test('is good for 24 hours and not a second longer', async () => {
    const [early, late] = [newEmail(), newEmail()]
    await registerUnverified(system, early)
    await registerUnverified(system, late)
    const tokens = [await mailedToken(system, early), await mailedToken(system, late)]
    system.clock.advance(86_399_000)
    expect((await verify(tokens[0] ?? '')).status).toBe(204)
    system.clock.advance(1000)
    expect((await verify(tokens[1] ?? '')).status).toBe(400)
    expect((await system.api.post('/auth/verify-email/resend', { email: late })).status).toBe(204)
    expect((await verify(await mailedToken(system, late))).status).toBe(204)
  })

  test('does not set a password, and a link that sets one does not verify as such', async () => {
    const email = newEmail()
    await registerUnverified(system, email)
    expect((await reset(await mailedToken(system, email))).status).toBe(400)
    await forgot(email)
    expect((await verify(await mailedToken(system, email))).status).toBe(400)
  })

  test('emits developer.verified once, without the address', async () => {
    const { account } = await registerDeveloper(system)
    const rows = await system.registry.db.query<{ data: unknown; audience: string[] }>(
      `select data, audience from registry.outbox where type = 'developer.verified' and subject = $1`,
      [`developers/${account}`],
    )
    expect(rows).toEqual([{ data: { developer: account }, audience: [account] }])
  })
})

describe('POST /auth/verify-email/resend', () => {
  test('answers 204 alike for unknown, verified and waiting addresses, and mails the waiting one only', async () => {
    const [unknown, waiting] = [newEmail(), newEmail()]
    const { email: verified } = await registerDeveloper(system)
    await registerUnverified(system, waiting)
    for (const email of [unknown, verified, waiting]) {
      const answer = await system.api.post('/auth/verify-email/resend', { email })
      expect([answer.status, answer.text]).toEqual([204, ''])
    }
    expect(await mailsTo(system, unknown)).toHaveLength(0)
    expect(await mailsTo(system, verified)).toHaveLength(1)
    expect(await mailsTo(system, waiting)).toHaveLength(2)
  })

  test('takes the address of the session, and answers 401 unauthenticated with neither', async () => {
    const email = newEmail()
    await registerUnverified(system, email)
    const { token } = await logInDeveloper(system, email)
    expect((await system.api.post('/auth/verify-email/resend', undefined, { token })).status).toBe(204)
    expect(await mailsTo(system, email)).toHaveLength(2)
    const neither = await system.api.post('/auth/verify-email/resend')
    expect([neither.status, neither.body.code]).toEqual([401, 'unauthenticated'])
  })

  test('sends one address ten mails an hour at most, answering 204 all the same', async () => {
    const email = newEmail()
    await registerUnverified(system, email)
    const ask = () => system.api.post('/auth/verify-email/resend', { email })
    for (let attempt = 0; attempt < 14; attempt++) expect((await ask()).status).toBe(204)
    expect(await mailsTo(system, email)).toHaveLength(10)
    system.clock.advance(3_600_000)
    expect((await ask()).status).toBe(204)
    expect(await mailsTo(system, email)).toHaveLength(11)
  })
})

describe('POST /auth/register', () => {
  test('answers alike for an address that has an account, and tells its owner by mail', async () => {
    const { email, token } = await registerDeveloper(system)
    const body = { email: email.toUpperCase(), password: NEW_PASSWORD, display_name: 'Somebody' }
    const known = await system.api.post('/auth/register', body)
    const fresh = await system.api.post('/auth/register', { ...body, email: newEmail() })
    expect([known.status, known.body]).toEqual([201, { status: 'verification_sent' }])
    expect([fresh.status, fresh.body]).toEqual([known.status, known.body])
    expect((await mailsTo(system, email)).at(-1)).toContain('You already have an account')
    expect((await logIn(email, NEW_PASSWORD)).status).toBe(401)
    expect((await system.api.get('/auth/me', { token })).status).toBe(200)
  })

  test.each([
    ['older', PASSWORD, NEW_PASSWORD],
    ['newer', NEW_PASSWORD, PASSWORD],
  ])(
    'after two registrations of one address the %s link confirms its own password',
    async (which, its, other) => {
      const email = newEmail()
      await registerUnverified(system, email)
      const older = await mailedToken(system, email)
      const { token } = await logInDeveloper(system, email)
      const body = { email, password: NEW_PASSWORD, display_name: 'Second' }
      expect((await system.api.post('/auth/register', body)).status).toBe(201)
      expect((await system.api.get('/auth/me', { token })).status).toBe(401)
      const newer = await mailedToken(system, email)
      const meanwhile = await logIn(email, NEW_PASSWORD)
      expect((await verify(which === 'older' ? older : newer)).status).toBe(204)
      expect((await verify(which === 'older' ? newer : older)).status).toBe(400)
      expect((await logIn(email, other)).status).toBe(401)
      const session = await logIn(email, its)
      expect(session.status).toBe(200)
      const me = await system.api.get('/auth/me', { token: session.body.access_token })
      expect(me.body.display_name === 'Second').toBe(which === 'newer')
      const kept = await system.api.get('/auth/me', { token: meanwhile.body.access_token })
      expect(kept.status).toBe(which === 'newer' ? 200 : 401)
    },
  )

  test('makes one account of two requests at once', async () => {
    const email = newEmail()
    await Promise.all([registerUnverified(system, email), registerUnverified(system, email.toUpperCase())])
    const rows = await system.registry.db.query('select 1 from registry.accounts where email_key = $1', [
      email,
    ])
    expect(rows).toHaveLength(1)
  })

  test.each([
    ['/email', { email: 'no address' }],
    ['/email', { email: `${'a'.repeat(65)}@example.com` }],
    ['/email', { email: 'a@example.com\r\nBcc: b@example.com' }],
    ['/password', { password: 'eleven char' }],
    ['/password', { password: 'x'.repeat(1025) }],
    ['/display_name', { display_name: ' ' }],
    ['/display_name', { display_name: 'a\nb' }],
    ['/roles', { roles: ['operator'] }],
  ])('answers 400 validation_failed at %s for %j', async (pointer, wrong) => {
    const body = { email: newEmail(), password: PASSWORD, display_name: 'Somebody', ...wrong }
    const answer = await system.api.post('/auth/register', body)
    expect([answer.status, answer.body.code, answer.body.errors[0].pointer]).toEqual([
      400,
      'validation_failed',
      pointer,
    ])
  })
})

describe('a forgotten password', () => {
  test('is asked for with 204 alike for known and unknown addresses', async () => {
    const { email } = await registerDeveloper(system)
    const unknown = newEmail()
    for (const address of [email, unknown]) {
      const answer = await forgot(address)
      expect([answer.status, answer.text]).toEqual([204, ''])
    }
    expect((await mailsTo(system, email)).at(-1)).toContain('Set a new password')
    expect(await mailsTo(system, unknown)).toEqual([])
  })

  test('is set anew once; all sessions end and the old password is dead', async () => {
    const first = await registerDeveloper(system)
    const second = await logInDeveloper(system, first.email)
    await forgot(first.email)
    const token = await mailedToken(system, first.email)
    const answer = await reset(token)
    expect([answer.status, answer.text]).toEqual([204, ''])
    for (const session of [first, second]) {
      expect((await system.api.get('/auth/me', { token: session.token })).status).toBe(401)
      const refreshed = await system.api.post('/auth/refresh', { refresh_token: session.refreshToken })
      expect(refreshed.status).toBe(401)
    }
    expect((await logIn(first.email, PASSWORD)).status).toBe(401)
    expect((await logIn(first.email, NEW_PASSWORD)).status).toBe(200)
    const again = await reset(token)
    expect(again.status).toBe(400)
    expect(again.body).toMatchObject(refusedToken)
  })

  test('is set by one of two requests at once', async () => {
    const { email } = await registerDeveloper(system)
    await forgot(email)
    const token = await mailedToken(system, email)
    const answers = await Promise.all([reset(token), reset(token, 'third horse battery staple')])
    expect(answers.map((answer) => answer.status).sort()).toEqual([204, 400])
  })

  test('can be set for 30 minutes, and the other links die with the first one used', async () => {
    const { email } = await registerDeveloper(system)
    await forgot(email)
    const first = await mailedToken(system, email)
    system.clock.advance(1_799_000)
    await forgot(email)
    const second = await mailedToken(system, email)
    expect((await reset(first)).status).toBe(204)
    expect((await reset(second)).status).toBe(400)
    await forgot(email)
    const third = await mailedToken(system, email)
    system.clock.advance(1_800_000)
    expect((await reset(third)).status).toBe(400)
  })

  test('that is set proves the address, and ends the delay of failed logins', async () => {
    const email = newEmail()
    await registerUnverified(system, email)
    expect(await mailsTo(system, email)).toHaveLength(1)
    await forgot(email)
    const guesser = system.apiFrom('203.0.113.77')
    const guess = () => guesser.post('/auth/login', { email, password: 'not the password' })
    for (let attempt = 0; attempt < 7; attempt++) await guess()
    expect((await guess()).status).toBe(429)
    expect((await reset(await mailedToken(system, email))).status).toBe(204)
    const login = await system.apiFrom('203.0.113.78').post('/auth/login', { email, password: NEW_PASSWORD })
    expect(login.status).toBe(200)
    const me = await system.api.get('/auth/me', { token: login.body.access_token })
    expect(me.body.email_verified).toBe(true)
  })

  test('answers 400 validation_failed at /password for a short one, and keeps the link', async () => {
    const { email } = await registerDeveloper(system)
    await forgot(email)
    const token = await mailedToken(system, email)
    const short = await reset(token, 'short')
    expect([short.status, short.body.errors[0].pointer]).toEqual([400, '/password'])
    expect((await reset(token)).status).toBe(204)
  })
})
