import { createHmac } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { changeAccount } from '#core/registry/accounts/change-account.ts'
import { contextFor, logInDeveloper, registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let developer: TestDeveloper
beforeAll(async () => {
  system = await startSystem()
  developer = await registerDeveloper(system)
})

const me = async (token: string) => (await system.api.get('/auth/me', { token })).status
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const decode = (token: string, part: number) =>
  JSON.parse(Buffer.from(token.split('.')[part] ?? '', 'base64url').toString('utf8'))
const claimsOf = () => decode(developer.token, 1)
const headerOf = () => decode(developer.token, 0)
const signed = (claims: object, header: { typ?: string } = { typ: 'at+jwt' }) =>
  system.registry.keys.sign('access', Buffer.from(JSON.stringify(claims)), header)

describe('an access token', () => {
  test('is taken when it was signed here for this registry', async () => {
    expect(await me(developer.token)).toBe(200)
    expect(await me(await signed(claimsOf()))).toBe(200)
    expect(headerOf()).toMatchObject({ alg: 'EdDSA', typ: 'at+jwt' })
    expect(claimsOf()).toMatchObject({
      iss: system.config.PUBLIC_URL,
      aud: system.config.PUBLIC_URL,
      sub: developer.account,
    })
  })

  test('is refused with 401 unauthenticated when alg is none', async () => {
    const payload = developer.token.split('.')[1]
    for (const alg of ['none', 'None', 'NONE']) {
      const header = encode({ ...headerOf(), alg })
      expect(await me(`${header}.${payload}.`)).toBe(401)
      expect(await me(`${header}.${payload}.AA`)).toBe(401)
    }
  })

  test('is refused with 401 when it was made with the public key as HMAC secret', async () => {
    const [jwk] = system.registry.keys.publicKeys('access')
    const secrets = [
      Buffer.from(jwk?.x ?? '', 'base64url'),
      Buffer.from(JSON.stringify(jwk)),
      Buffer.from(jwk?.x ?? ''),
    ]
    for (const secret of secrets) {
      const text = `${encode({ ...headerOf(), alg: 'HS256' })}.${encode(claimsOf())}`
      const mac = createHmac('sha256', secret).update(text).digest('base64url')
      expect(await me(`${text}.${mac}`)).toBe(401)
    }
  })

  test('is refused with 401 when a key of another purpose signed it', async () => {
    for (const purpose of ['registry', 'quote', 'token'] as const) {
      const payload = Buffer.from(JSON.stringify(claimsOf()))
      const token = await system.registry.keys.sign(purpose, payload, { typ: 'at+jwt' })
      expect(await me(token)).toBe(401)
    }
  })

  test('is refused with 401 when a stranger signed it, also with our kid or with a key in the header', async () => {
    const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
    const jwk = await exportJWK(pair.publicKey)
    for (const extra of [{}, { jwk }, { jku: 'https://evil.example/jwks.json' }, { kid: 'unknown' }]) {
      const token = await new SignJWT(claimsOf())
        .setProtectedHeader({ ...headerOf(), ...extra })
        .sign(pair.privateKey)
      expect(await me(token)).toBe(401)
    }
  })

  test('is refused with 401 for another issuer, audience, type, subject or session', async () => {
    const claims = claimsOf()
    const wrong: [object, { typ?: string }?][] = [
      [{ ...claims, iss: 'https://other.example' }],
      [{ ...claims, aud: 'https://other.example' }],
      [{ ...claims, aud: undefined }],
      [claims, { typ: 'JWT' }],
      [claims, {}],
      [{ ...claims, sub: crypto.randomUUID() }],
      [{ ...claims, sid: crypto.randomUUID() }],
      [{ ...claims, sid: "' or true --" }],
      [{ ...claims, sid: undefined, client_id: 'x', scope: '*' }],
      [{ ...claims, sid: undefined, client_id: crypto.randomUUID(), scope: '*' }],
      [{ ...claims, exp: undefined }],
      [{ ...claims, exp: '9999999999' }],
      [{ ...claims, iat: claims.iat + 60 }],
    ]
    for (const [payload, header] of wrong)
      expect(await me(await signed(payload, header)), JSON.stringify(payload)).toBe(401)
  })

  test('is refused with 401 when a bit of any part is changed', async () => {
    const parts = developer.token.split('.')
    for (const index of [0, 1, 2]) {
      const bytes = Buffer.from(parts[index] ?? '', 'base64url')
      bytes[10] = (bytes[10] ?? 0) ^ 1
      const changed = parts.with(index, bytes.toString('base64url')).join('.')
      expect(await me(changed)).toBe(401)
    }
  })

  test('expires after 15 minutes, to the second', async () => {
    const fresh = await logInDeveloper(system, developer.email)
    system.clock.advance(899_000)
    expect(await me(fresh.token)).toBe(200)
    system.clock.advance(1000)
    expect(await me(fresh.token)).toBe(401)
    developer = await logInDeveloper(system, developer.email)
  })

  test('dies with its session at once', async () => {
    const other = await logInDeveloper(system, developer.email)
    const { sid } = decode(other.token, 1)
    expect((await system.api.delete(`/auth/sessions/${sid}`, { token: developer.token })).status).toBe(204)
    expect(await me(other.token)).toBe(401)
    expect((await system.api.post('/auth/refresh', { refresh_token: other.refreshToken })).status).toBe(401)
    expect(await me(developer.token)).toBe(200)
  })

  test('dies at once when the account is suspended and stays dead afterwards', async () => {
    const other = await registerDeveloper(system)
    const operator = contextFor(system, {
      kind: 'operator',
      account: null,
      key: 'preset',
      roles: ['operator'],
    })
    await changeAccount(operator, other.account, { status: 'suspended' })
    expect(await me(other.token)).toBe(401)
    expect((await system.api.post('/auth/refresh', { refresh_token: other.refreshToken })).status).toBe(401)
    const body = { email: other.email, password: 'correct horse battery staple' }
    expect((await system.api.post('/auth/login', body)).status).toBe(401)
    await changeAccount(operator, other.account, { status: 'active' })
    expect(await me(other.token)).toBe(401)
    expect((await system.api.post('/auth/login', body)).status).toBe(200)
  })
})

describe('a refresh token', () => {
  const refresh = (token: string, key?: string) =>
    system.api.post('/auth/refresh', { refresh_token: token }, key ? { key } : {})

  test('gives the next pair and keeps the session', async () => {
    const first = await logInDeveloper(system, developer.email)
    const next = await refresh(first.refreshToken)
    expect(next.status).toBe(200)
    expect(next.body).toMatchObject({ token_type: 'Bearer', expires_in: 900 })
    expect(next.body.refresh_token).not.toBe(first.refreshToken)
    expect(decode(next.body.access_token, 1).sid).toBe(decode(first.token, 1).sid)
    expect(await me(first.token)).toBe(200)
    expect(await me(next.body.access_token)).toBe(200)
  })

  test('that comes back ends its family: 401 unauthenticated, and the newest pair is dead too', async () => {
    const first = await logInDeveloper(system, developer.email)
    const second = await refresh(first.refreshToken)
    const third = await refresh(second.body.refresh_token)
    expect(third.status).toBe(200)
    const reused = await refresh(first.refreshToken)
    expect([reused.status, reused.body.code]).toEqual([401, 'unauthenticated'])
    expect(await me(third.body.access_token)).toBe(401)
    expect((await refresh(third.body.refresh_token)).status).toBe(401)
    expect(await me(developer.token)).toBe(200)
  })

  test('sent twice at once gives at most one pair and ends the session', async () => {
    for (let round = 0; round < 3; round++) {
      const first = await logInDeveloper(system, developer.email)
      const answers = await Promise.all([refresh(first.refreshToken), refresh(first.refreshToken)])
      expect(answers.map((answer) => answer.status).sort()).toEqual([200, 401])
      const pair = answers.find((answer) => answer.status === 200)?.body
      expect(await me(pair.access_token)).toBe(401)
      expect((await refresh(pair.refresh_token)).status).toBe(401)
    }
  })

  test('repeated with the same Idempotency-Key gives the same pair again and the session lives', async () => {
    const first = await logInDeveloper(system, developer.email)
    const key = crypto.randomUUID()
    const one = await refresh(first.refreshToken, key)
    const two = await refresh(first.refreshToken, key)
    expect([two.status, two.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(two.body).toEqual(one.body)
    expect(await me(two.body.access_token)).toBe(200)
  })

  test('that is unknown is refused with 401 and harms nobody', async () => {
    expect((await refresh('nfr_unknown')).status).toBe(401)
    expect((await refresh(developer.token.slice(0, 190))).status).toBe(401)
    expect(await me(developer.token)).toBe(200)
  })

  test('dies after 30 days without use; a session ends after 90 days however often it is refreshed', async () => {
    const idle = await logInDeveloper(system, developer.email)
    let busy = (await logInDeveloper(system, developer.email)).refreshToken
    for (let month = 1; month <= 3; month++) {
      system.clock.advance(29 * 86_400_000)
      const answer = await refresh(busy)
      expect(answer.status, `refresh ${month}`).toBe(200)
      busy = answer.body.refresh_token
    }
    expect((await refresh(idle.refreshToken)).status).toBe(401)
    system.clock.advance(3 * 86_400_000)
    expect((await refresh(busy)).status).toBe(401)
    developer = await logInDeveloper(system, developer.email)
  })
})

describe('POST /auth/logout', () => {
  test('ends the session of an access token, or that of a refresh token', async () => {
    const one = await logInDeveloper(system, developer.email)
    expect((await system.api.post('/auth/logout', undefined, { token: one.token })).status).toBe(204)
    expect(await me(one.token)).toBe(401)
    const two = await logInDeveloper(system, developer.email)
    expect((await system.api.post('/auth/logout', { refresh_token: two.refreshToken })).status).toBe(204)
    expect(await me(two.token)).toBe(401)
  })

  test('answers 401 unauthenticated with nothing and 403 insufficient_scope for a key', async () => {
    const nothing = await system.api.post('/auth/logout')
    expect([nothing.status, nothing.body.code]).toEqual([401, 'unauthenticated'])
    const key = await system.api.post('/auth/logout', undefined, { token: OPERATOR_KEY })
    expect([key.status, key.body.code]).toEqual([403, 'insufficient_scope'])
  })
})
