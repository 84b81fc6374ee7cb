/** Nothing secret and nothing personal reaches a log line: planted words are searched in every line of the whole flow. */
import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { openLog } from '#core/platform/log.ts'
import { sweepExpired } from '#core/registry/accounts/sweep-expired.ts'
import { sendDueMails } from '#core/registry/mail/send-due-mails.ts'
import { mailedToken } from '#test/support/accounts.ts'
import { freePort } from '#test/support/process.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

const EMAIL = 'canary.address@planted.example'
const NAME = 'Planted Canary Name'
const PASSWORD = 'planted password of the canary'
const NEXT_PASSWORD = 'planted second password of the canary'
const WRONG_PASSWORD = 'planted wrong password of the canary'

/** Walks every route of the auth group, well and badly. @returns the secrets that it met */
async function walk(system: System): Promise<string[]> {
  const { api } = system
  const secrets: string[] = []
  const met = <T extends string | undefined>(secret: T): T => {
    if (!secret) throw new Error('a secret of the flow is missing')
    secrets.push(secret)
    return secret
  }
  await api.post('/auth/register', { email: EMAIL, password: PASSWORD, display_name: NAME })
  await api.post('/auth/register', { email: EMAIL, password: PASSWORD, display_name: NAME, note: PASSWORD })
  await api.post('/auth/register', `{"email": "${EMAIL}", "password": "${PASSWORD}`)
  await api.post('/auth/verify-email', { token: met(await mailedToken(system, EMAIL)) })
  await api.get('/auth/sessions', { query: { token: PASSWORD } })
  for (const password of [WRONG_PASSWORD, PASSWORD]) await api.post('/auth/login', { email: EMAIL, password })
  const login = (await api.post('/auth/login', { email: EMAIL, password: PASSWORD }, { key: 'login' })).body
  const refresh = (await api.post('/auth/refresh', { refresh_token: met(login.refresh_token) })).body
  met(login.access_token)
  const token = met(refresh.access_token as string)
  await api.post('/auth/refresh', { refresh_token: `${met(refresh.refresh_token)}x` })
  await api.get('/auth/me', { token })
  await api.get('/auth/me', { token: `${token}x` })
  await api.patch('/auth/me', { current_password: WRONG_PASSWORD, password: NEXT_PASSWORD }, { token })
  await api.patch('/auth/me', { current_password: PASSWORD, password: NEXT_PASSWORD }, { token })
  const scopes = ['*']
  const key = (await api.post('/auth/api-keys', { name: NAME, scopes }, { token, key: 'canary' })).body
  await api.post('/auth/api-keys', { name: NAME, scopes }, { token, key: 'canary' })
  await api.get('/auth/api-keys', { token: met(key.secret) })
  await api.get('/invites', { token: key.secret })
  const pair = generateKeyPairSync('ed25519')
  const jwk = pair.privateKey.export({ format: 'jwk' })
  await api.post('/auth/signing-keys', { jwk }, { token })
  met(jwk.d)
  await api.post('/auth/signing-keys', { jwk: pair.publicKey.export({ format: 'jwk' }) }, { token })
  const client = { grant_type: 'client_credentials', client_id: key.id, client_secret: key.secret }
  await api.post('/auth/token', client)
  const basic = Buffer.from(`${key.id}:${key.secret}`).toString('base64')
  await api.post('/auth/token', { grant_type: 'x' }, { headers: { authorization: `Basic ${met(basic)}` } })
  const invite = await api.post('/invites', { email: EMAIL }, { token: OPERATOR_KEY })
  met(invite.body.code)
  await sendDueMails(system.registry)
  await api.post('/auth/password/forgot', { email: EMAIL })
  const reset = met(await mailedToken(system, EMAIL))
  await api.post('/auth/password/reset', { token: reset, password: PASSWORD })
  await api.post('/auth/password/reset', { token: reset, password: PASSWORD })
  const last = (await api.post('/auth/login', { email: EMAIL, password: PASSWORD })).body
  await api.delete('/auth/me', { token: met(last.access_token) })
  await sweepExpired(system.registry)
  return secrets
}

test('no password, token, key, name or address of the whole auth flow reaches a log line, failures included', async () => {
  const lines: string[] = []
  const log = openLog({ level: 'debug', write: (line) => lines.push(line) })
  const system = await startSystem({}, log)
  const secrets = await walk(system)
  expect(secrets.length).toBeGreaterThan(10)

  // A mail that can't leave, and a database that fails with our own values in its words.
  const dead = await startSystem({ SMTP_URL: `smtp://127.0.0.1:${await freePort()}` }, log)
  await dead.api.post('/auth/register', { email: EMAIL, password: PASSWORD, display_name: NAME })
  await sendDueMails(dead.registry)
  await dead.registry.db.script('drop table registry.mail_tokens')
  const failed = await dead.api.post('/auth/password/forgot', { email: EMAIL })
  expect([failed.status, failed.body.code]).toEqual([500, 'internal_error'])
  await dead.registry.db.script(
    `alter table registry.accounts add constraint planted check (email <> '${EMAIL}') not valid`,
  )
  const refused = await dead.api.post('/auth/register', {
    email: EMAIL.replace('canary', 'other'),
    password: PASSWORD,
    display_name: NAME,
  })
  expect(refused.status).toBe(500)

  const output = lines.join('')
  expect(lines.length).toBeGreaterThan(30)
  for (const message of ['request failed', 'mail not sent', '/auth/login', '/auth/password/reset'])
    expect(output).toContain(message)
  const planted = [EMAIL, NAME, PASSWORD, NEXT_PASSWORD, WRONG_PASSWORD, OPERATOR_KEY, 'planted.example']
  for (const secret of [...planted, ...secrets]) {
    const line = lines.find((one) => one.includes(secret))
    expect(line, `${secret.slice(0, 8)}... stands in a log line`).toBeUndefined()
  }
}, 180_000)
