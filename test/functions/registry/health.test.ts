import { createPublicKey, verify } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { checkReady } from '#core/registry/health/check-ready.ts'
import { readHealth } from '#core/registry/health/read-health.ts'
import { readOverview } from '#core/registry/health/read-overview.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { registryContext } from '#test/support/context.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
/** A TEG whose address nobody answers at. */
const awayTeg = () =>
  openTegClient({
    token: 'x'.repeat(32),
    newId: () => crypto.randomUUID(),
    fetch: () => {
      const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
      return Promise.reject(new TypeError('fetch failed', { cause }))
    },
  })

beforeAll(async () => {
  system = await startSystem()
})

describe('health', () => {
  test('the public reads status and version only', async () => {
    const answer = await system.api.get('/health')
    expect([answer.status, answer.body]).toEqual([200, { status: 'ok', version: '0.1.0' }])
  })

  test('an operator reads every part; what this installation does not have is absent', async () => {
    const { body } = await system.api.get('/health', { token: OPERATOR_KEY })
    expect(body).toMatchObject({
      status: 'ok',
      databases: { registry: { state: 'up' }, teg: { state: 'up' } },
      redis: { state: 'absent', kind: 'in-process' },
      teg: { state: 'up' },
      event_store: { state: 'absent' },
      spire: { state: 'absent' },
      tasks: [],
    })
    expect(body.databases.registry.latency_ms).toBeGreaterThanOrEqual(0)
  })

  test('livez and readyz answer without a credential and are not counted by the rate limit', async () => {
    for (const path of ['/livez', '/readyz']) {
      const answer = await system.api.get(path)
      expect([answer.status, answer.headers.get('ratelimit')]).toEqual([200, null])
    }
  })

  test('with the TEG away readyz answers 503 not_ready, health is degraded, the overview still comes', async () => {
    const ctx = registryContext(system.registry, { teg: awayTeg() })
    await expect(checkReady(ctx)).rejects.toMatchObject({
      status: 503,
      code: 'not_ready',
      detail: 'No answer from: teg.',
    })
    expect((await readHealth(ctx)).status).toBe('degraded')
    expect(await readOverview(ctx)).toMatchObject({ teg: 'down', supply: null, treasury: null })
  })
})

describe('/.well-known/jwks.json', () => {
  test('holds the public keys of what this registry signs, and no private part', async () => {
    const answer = await system.api.get('/.well-known/jwks.json')
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    for (const purpose of ['registry', 'access'] as const) {
      const jws = await system.registry.keys.sign(purpose, Buffer.from('hello'))
      const [header, payload, signature] = jws.split('.') as [string, string, string]
      const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
      const jwk = answer.body.keys.find((key: { kid: string }) => key.kid === kid)
      expect(jwk.d).toBeUndefined()
      const key = createPublicKey({ key: jwk, format: 'jwk' })
      expect(
        verify(null, Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')),
      ).toBe(true)
    }
  })
})
