import { generateKeyPairSync } from 'node:crypto'
import { CompactSign, createLocalJWKSet, exportJWK, generateKeyPair, importPKCS8, jwtVerify } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { openKeyRing } from '#core/registry/keys/key-ring.ts'
import { claimsOf, writeClaims } from '#core/registry/payments/rules.ts'
import { openToken, signToken, tryToken } from '#core/registry/payments/sign-token.ts'
import type { Payment } from '#core/wire/teg.ts'
import { type System, startSystem } from '#test/support/system.ts'

let system: System
const payment: Payment = {
  id: '01900000-0000-7000-8000-00000000000a',
  status: 'active',
  payer_agent: '01900000-0000-7000-8000-00000000000b',
  payer_did: 'did:web:127.0.0.1%3A8000:api:v1:agents:01900000-0000-7000-8000-00000000000b',
  payee_agent: '01900000-0000-7000-8000-00000000000c',
  payee_did: 'did:web:127.0.0.1%3A8000:api:v1:agents:01900000-0000-7000-8000-00000000000c',
  amount: '12.5',
  redeemed_amount: '0',
  created_at: '2026-03-01T10:00:00.900Z',
  expires_at: '2026-03-01T11:00:00.900Z',
  transfer_id: null,
  task_ref: 'task-ü-1',
}
const jws = (token: string) => token.slice('apt_'.length)
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

beforeAll(async () => {
  system = await startSystem()
})

describe('the text of a payment token', () => {
  test("names issuer, payer, payee, id, amount, task and whole seconds, and can be verified by anybody with the registry's JWKS", async () => {
    const token = await signToken(system.registry, payment)
    expect(token).toMatch(/^apt_[\w-]+\.[\w-]+\.[\w-]+$/)
    const jwks = (await system.api.get('/.well-known/jwks.json')).body
    const { payload, protectedHeader } = await jwtVerify(jws(token), createLocalJWKSet(jwks), {
      issuer: system.config.PUBLIC_URL,
      audience: payment.payee_did,
      typ: 'apt+jwt',
      algorithms: ['EdDSA'],
      currentDate: new Date('2026-03-01T10:30:00Z'),
    })
    expect(protectedHeader.kid).toMatch(/^token-/)
    expect(payload).toEqual({
      iss: system.config.PUBLIC_URL,
      sub: payment.payer_did,
      aud: payment.payee_did,
      jti: payment.id,
      amount: '12.5',
      iat: 1772359200,
      exp: 1772362800,
      task_ref: 'task-ü-1',
    })
  })

  test('is the same each time it is signed, and whatever has become of the payment since', async () => {
    const first = await signToken(system.registry, payment)
    const later = { ...payment, status: 'redeemed', redeemed_amount: '3', transfer_id: payment.id } as const
    expect(await signToken(system.registry, later)).toBe(first)
  })

  test('is opened after another key has taken over, and that key stands beside the first in the JWKS', async () => {
    const old = await signToken(system.registry, payment)
    const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
    await system.registry.db.query(
      `insert into registry.server_keys (kid, purpose, algorithm, private_key, public_key, created_at)
       values ('token-next', 'token', 'EdDSA', $1, $2::json, $3)`,
      [
        `plain:${JSON.stringify(await exportJWK(pair.privateKey))}`,
        JSON.stringify({ ...(await exportJWK(pair.publicKey)), kid: 'token-next', alg: 'EdDSA', use: 'sig' }),
        new Date(system.clock.now().getTime() + 60_000),
      ],
    )
    const keys = await openKeyRing(system.registry, system.config.SECRET_KEY)
    const next = await signToken({ ...system.registry, keys }, payment)
    expect(next).not.toBe(old)
    for (const token of [old, next]) expect((await openToken({ keys }, token)).jti).toBe(payment.id)
    expect(keys.publicKeys('token').map(({ kid }) => kid)).toEqual([
      'token-next',
      expect.stringMatching(/^token-/),
    ])
  })
})

describe('a text that this registry has not signed as a payment token', () => {
  const claims = () => claimsOf(payment, system.config.PUBLIC_URL)
  const refused = async (token: string) => {
    expect(await tryToken(system.registry, token)).toBeNull()
    await expect(openToken(system.registry, token)).rejects.toMatchObject({
      status: 400,
      code: 'validation_failed',
      errors: [{ pointer: '/token', code: 'unknown_token' }],
    })
  }

  test('with one character changed anywhere, is refused', async () => {
    const token = await signToken(system.registry, payment)
    for (let at = 4; at < token.length; at += 7) {
      if (token[at] === '.') continue
      // The last character of a part may hold bits that mean nothing: a change of the first bit always means something.
      const other = token[at] === 'A' ? 'g' : 'A'
      await refused(token.slice(0, at) + other + token.slice(at + 1))
    }
  })

  test('signed by another key under our kid, without algorithm, or with our public key as a secret, is refused', async () => {
    const [own] = system.registry.keys.publicKeys('token')
    const foreign = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
    const key = await importPKCS8(String(foreign), 'EdDSA')
    const header = { alg: 'EdDSA', kid: own?.kid ?? '', typ: 'apt+jwt' }
    const payload = writeClaims(claims())
    await refused(`apt_${await new CompactSign(payload).setProtectedHeader(header).sign(key)}`)
    await refused(`apt_${part({ ...header, alg: 'none' })}.${part(claims())}.AA`)
    const secret = Buffer.from(String(own?.x), 'base64url')
    const hmac = new CompactSign(payload).setProtectedHeader({ ...header, alg: 'HS256' }).sign(secret)
    await refused(`apt_${await hmac}`)
  })

  test('signed by a key of ours that is for something else, or as something else, is refused', async () => {
    const { keys } = system.registry
    const payload = writeClaims(claims())
    for (const purpose of ['access', 'registry', 'quote'] as const)
      await refused(`apt_${await keys.sign(purpose, payload, { typ: 'apt+jwt' })}`)
    await refused(`apt_${await keys.sign('token', payload)}`)
    await refused(`apt_${await keys.sign('token', payload, { typ: 'at+jwt' })}`)
  })
})

test("an access token of a developer is no payment token, and a payment token opens no one's account", async () => {
  const token = await signToken(system.registry, payment)
  for (const bearer of [token, jws(token)])
    expect((await system.api.get('/auth/me', { token: bearer })).status).toBe(401)
})
