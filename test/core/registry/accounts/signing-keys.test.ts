import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { type System, startSystem } from '#test/support/system.ts'

let system: System
let alice: TestDeveloper
beforeAll(async () => {
  system = await startSystem()
  alice = await registerDeveloper(system)
})

const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' })
const pairs = {
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: generateKeyPairSync('ed25519'),
  x25519: generateKeyPairSync('x25519'),
  rsa2048: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  rsa1024: generateKeyPairSync('rsa', { modulusLength: 1024 }),
}
const publicOf = (name: keyof typeof pairs) => jwkOf(pairs[name].publicKey)
const privateOf = (name: keyof typeof pairs) => jwkOf(pairs[name].privateKey)
const newEd = () => jwkOf(generateKeyPairSync('ed25519').publicKey)
const enrol = (jwk: unknown, token = alice.token, key?: string) =>
  system.api.post('/auth/signing-keys', { jwk }, { token, ...(key ? { key } : {}) })
const list = (token = alice.token) => system.api.get('/auth/signing-keys', { token })

describe('POST /auth/signing-keys', () => {
  test.each(['p256', 'p384', 'ed25519', 'rsa2048'] as const)(
    'takes a public key of kind %s',
    async (name) => {
      const jwk = {
        ...publicOf(name),
        kid: `kid-${name}`,
        use: 'sig',
        key_ops: ['verify'],
        x5u: 'https://x.example',
      }
      const made = await enrol(jwk)
      expect(made.status, made.text).toBe(201)
      expect(made.headers.get('location')).toBe(`/api/v1/auth/signing-keys/${made.body.id}`)
      expect(made.body).toMatchObject({
        kid: `kid-${name}`,
        name: null,
        jwk: { ...publicOf(name), use: 'sig' },
      })
      expect(Object.keys(made.body.jwk)).not.toContain('x5u')
      expect((await list()).body.items).toContainEqual(made.body)
    },
  )

  test('gives a key without kid its RFC 7638 thumbprint', async () => {
    const carol = await registerDeveloper(system)
    for (const name of ['p256', 'p384', 'ed25519', 'rsa2048'] as const)
      expect((await enrol(publicOf(name), carol.token)).body.kid).toBe(
        await calculateJwkThumbprint(publicOf(name) as never),
      )
  })

  const point = publicOf('p256')
  test.each([
    ['/jwk/d', 'private_key', privateOf('p256')],
    ['/jwk/d', 'private_key', privateOf('ed25519')],
    ['/jwk/d', 'private_key', privateOf('rsa2048')],
    ['/jwk/k', 'private_key', { kty: 'oct', k: 'c2VjcmV0' }],
    ['/jwk/kty', 'unsupported', { kty: 'oct' }],
    ['/jwk/kty', 'unsupported', {}],
    ['/jwk/crv', 'unsupported', publicOf('p521')],
    ['/jwk/crv', 'unsupported', publicOf('x25519')],
    ['/jwk/n', 'key_size', publicOf('rsa1024')],
    ['/jwk/n', 'required', { kty: 'RSA', e: 'AQAB' }],
    ['/jwk/e', 'key_size', { ...publicOf('rsa2048'), e: 'AQ' }],
    ['/jwk/e', 'key_size', { ...publicOf('rsa2048'), e: 'BA' }],
    ['/jwk/x', 'malformed', { ...point, x: 42 }],
    ['/jwk/x', 'malformed', { ...point, x: 'not base64url!' }],
    ['/jwk/x', 'malformed', { ...point, x: point.y, y: point.x }],
    ['/jwk/x', 'malformed', { ...publicOf('ed25519'), x: 'AAAA' }],
    ['/jwk/y', 'required', { ...point, y: undefined }],
    ['/jwk/alg', 'unsupported', { ...point, alg: 'HS256' }],
    ['/jwk/alg', 'unsupported', { ...point, alg: 'ES384' }],
    ['/jwk/use', 'unsupported', { ...point, use: 'enc' }],
    ['/jwk/key_ops', 'unsupported', { ...point, key_ops: ['sign'] }],
    ['/jwk/kid', 'malformed', { ...point, kid: '' }],
    ['/jwk/kid', 'malformed', { ...point, kid: 'x'.repeat(201) }],
    ['/jwk', 'invalid_type', 'a text'],
  ])('answers 400 validation_failed at %s (%s)', async (pointer, code, jwk) => {
    const answer = await enrol(jwk)
    expect([answer.status, answer.body.code]).toEqual([400, 'validation_failed'])
    expect(answer.body.errors[0]).toMatchObject({ pointer, code })
  })

  test('never repeats a private key that it refused', async () => {
    const { d } = privateOf('ed25519')
    expect((await enrol(privateOf('ed25519'))).text).not.toContain(d)
  })

  test('answers 409 kid_taken for a second key of one kid, until the first is revoked; others may use it', async () => {
    const [carol, dave] = [await registerDeveloper(system), await registerDeveloper(system)]
    const first = await enrol({ ...newEd(), kid: 'main' }, carol.token)
    const second = await enrol({ ...newEd(), kid: 'main' }, carol.token)
    expect([second.status, second.body.code]).toEqual([409, 'kid_taken'])
    expect((await enrol({ ...newEd(), kid: 'main' }, dave.token)).status).toBe(201)
    const path = `/auth/signing-keys/${first.body.id}`
    expect((await system.api.delete(path, { token: carol.token })).status).toBe(204)
    expect((await list(carol.token)).body.items).toEqual([])
    expect((await enrol({ ...newEd(), kid: 'main' }, carol.token)).status).toBe(201)
    const again = await system.api.delete(path, { token: carol.token })
    expect([again.status, again.body.code]).toEqual([404, 'not_found'])
  })

  test('answers 409 too_many_keys beyond twenty, also when they come at once', async () => {
    const carol = await registerDeveloper(system)
    const answers = await Promise.all(Array.from({ length: 23 }, () => enrol(newEd(), carol.token)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(20)
    expect(new Set(answers.filter(({ status }) => status !== 201).map(({ body }) => body.code))).toEqual(
      new Set(['too_many_keys']),
    )
  })

  test('enrols once under one Idempotency-Key', async () => {
    const jwk = { ...newEd(), kid: 'once' }
    const first = await enrol(jwk, alice.token, 'enrol-1')
    const again = await enrol(jwk, alice.token, 'enrol-1')
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    expect(again.body).toEqual(first.body)
  })
})
