import { beforeAll, describe, expect, test } from 'vitest'
import { PASSWORD, registerDeveloper, registerUnverified } from '#test/support/accounts.ts'
import { type System, startSystem } from '#test/support/system.ts'

let system: System
beforeAll(async () => {
  system = await startSystem()
})

let made = 0
const newEmail = () => `throttled-${++made}@example.com`
const logIn = (address: string, email: string, password = PASSWORD) =>
  system.apiFrom(address).post('/auth/login', { email, password })

/** Fails so often, waiting whenever it must. @returns the delays that were told */
async function guess(address: string, email: string, times: number): Promise<number[]> {
  const delays: number[] = []
  for (let attempt = 0; attempt < times; attempt++) {
    const answer = await logIn(address, email, 'not the password')
    const delay = Number(answer.headers.get('retry-after') ?? 0)
    expect([answer.status, answer.body.code]).toEqual(
      delay > 0 ? [429, 'rate_limited'] : [401, 'unauthenticated'],
    )
    delays.push(delay)
    system.clock.advance(delay * 1000)
  }
  return delays
}

describe('POST /auth/login', () => {
  test('works for an address in other letters', async () => {
    const { email } = await registerDeveloper(system)
    expect((await logIn('192.0.2.1', email.toUpperCase())).status).toBe(200)
  })

  test('works before the address is verified, and what needs that answers 403 email_not_verified', async () => {
    const email = newEmail()
    await registerUnverified(system, email)
    const { access_token: token } = (await logIn('192.0.2.1', email)).body
    expect((await system.api.get('/auth/me', { token })).body.email_verified).toBe(false)
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
    const refused = [
      await system.api.post('/auth/api-keys', { name: 'ci', scopes: ['*'] }, { token }),
      await system.api.post('/auth/signing-keys', { jwk }, { token }),
    ]
    for (const answer of refused)
      expect([answer.status, answer.body.code]).toEqual([403, 'email_not_verified'])
  })

  test('answers 401 unauthenticated in the same words for a wrong password and an unknown address', async () => {
    const { email } = await registerDeveloper(system)
    const wrong = await logIn('192.0.2.1', email, 'not the password')
    const unknown = await logIn('192.0.2.1', newEmail(), 'not the password')
    expect(wrong.status).toBe(401)
    const told = ({ body: { request_id: _, ...rest } }: typeof wrong) => rest
    expect(told(unknown)).toEqual(told(wrong))
  })

  test('answers 401, never 500, for the address that stands in a deleted account', async () => {
    const { token, account } = await registerDeveloper(system)
    expect((await system.api.delete('/auth/me', { token })).status).toBe(204)
    const email = `deleted-${account}@deleted.invalid`
    for (const password of ['deleted', PASSWORD]) {
      const answer = await logIn('192.0.2.1', email, password)
      expect([answer.status, answer.body.code]).toEqual([401, 'unauthenticated'])
    }
  })

  test('answers 400 validation_failed for unknown fields and never takes a password from the query', async () => {
    const body = { email: 'a@example.com', password: PASSWORD, remember: true }
    const answer = await system.api.post('/auth/login', body)
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, '/remember'])
    const query = { email: 'a@example.com', password: PASSWORD }
    expect((await system.api.post('/auth/login', {}, { query })).status).toBe(400)
  })
})

describe('failed logins', () => {
  test('are free five times, then wait 1, 2, 4, ... seconds with 429 rate_limited, 15 minutes at most', async () => {
    const email = newEmail()
    const delays = await guess('203.0.113.1', email, 18)
    expect(delays).toEqual([0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900])
  })

  test('keep even the right password waiting from an address that is not known, until the delay is over', async () => {
    const { email } = await registerDeveloper(system)
    await guess('203.0.113.2', email, 8)
    expect((await logIn('203.0.113.2', email, 'not the password')).status).toBe(429)
    const early = await logIn('203.0.113.3', email)
    expect(early.status).toBe(429)
    system.clock.advance(Number(early.headers.get('retry-after')) * 1000)
    expect((await logIn('203.0.113.3', email)).status).toBe(200)
  })

  test('of others never keep the owner out at an address that got in before', async () => {
    const { email } = await registerDeveloper(system)
    await guess('203.0.113.4', email, 8)
    expect((await logIn('203.0.113.5', email, 'not the password')).status).toBe(429)
    expect((await logIn('192.0.2.1', email)).status).toBe(200)
  })

  test('are forgotten after a success, and after a day without any', async () => {
    const { email } = await registerDeveloper(system)
    await guess('203.0.113.6', email, 5)
    expect((await logIn('203.0.113.6', email)).status).toBe(200)
    expect(await guess('203.0.113.6', email, 5)).toEqual([0, 0, 0, 0, 0])
    const other = newEmail()
    await guess('203.0.113.7', other, 7)
    system.clock.advance(86_400_000)
    expect(await guess('203.0.113.7', other, 1)).toEqual([0])
  })

  test('at many accounts from one address slow that address down, not others', async () => {
    const victim = newEmail()
    await guess('203.0.113.8', victim, 1)
    for (let attempt = 0; attempt < 50; attempt++) await logIn('203.0.113.8', newEmail(), 'not the password')
    expect((await logIn('203.0.113.8', victim, 'not the password')).status).toBe(429)
    expect((await logIn('203.0.113.9', victim, 'not the password')).status).toBe(401)
  })

  test('that come all at once are each counted', async () => {
    const email = newEmail()
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => logIn('203.0.113.10', email, 'not the password')),
    )
    expect(answers.every((answer) => answer.status === 401 || answer.status === 429)).toBe(true)
    expect((await logIn('203.0.113.10', email, 'not the password')).status).toBe(429)
  })
})
