import { createPublicKey, verify } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import type { IdentityReport } from '#core/platform/spiffe/read-identity.ts'
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

  test('tells how far journal and forwarder are behind, and the pool where there is one', async () => {
    const { body } = await system.api.get('/health', { token: OPERATOR_KEY })
    expect(body.journal.head).toBeGreaterThanOrEqual(0)
    expect(body.journal.lag_seconds).toBeGreaterThanOrEqual(0)
    expect(body.forwarder).toMatchObject({ waiting: body.journal.head })
    const isPg = system.registry.db.kind === 'pg'
    expect(body.databases.registry.pool).toEqual(isPg ? expect.objectContaining({ waiting: 0 }) : null)
  })

  const at = (seconds: number) => new Date(system.clock.now().getTime() + seconds * 1000).toISOString()
  const report = (more: Partial<IdentityReport> = {}): IdentityReport => ({
    identity: 'ok',
    spiffe_id: 'spiffe://north.example/registry/north',
    not_before: at(-600),
    not_after: at(3000),
    workload_api: 'connected',
    since: at(-600),
    updated_at: at(-1),
    ...more,
  })
  test.each([
    [
      'an agent that streams',
      {},
      'ok',
      { state: 'up', identity: 'ok', svid_age_seconds: 600, svid_left_seconds: 3000 },
    ],
    ['an agent that is away', { workload_api: 'down' }, 'degraded', { state: 'down', identity: 'ok' }],
    ['a denial', { workload_api: 'denied' }, 'degraded', { state: 'down', workload_api: 'denied' }],
    [
      'an SVID that has ended',
      { not_after: -1 },
      'degraded',
      { state: 'down', identity: 'none', spiffe_id: null },
    ],
    [
      'a cert-writer that is silent',
      { updated_at: -600 },
      'degraded',
      { state: 'down', workload_api: 'silent' },
    ],
    ['no report', null, 'degraded', { state: 'down', workload_api: 'silent', identity: 'none' }],
  ] as const)('%s: degraded at most, never dead', async (_what, more, status, spire) => {
    const times = Object.fromEntries(
      Object.entries(more ?? {}).map(([key, value]) => [key, typeof value === 'number' ? at(value) : value]),
    )
    const identity = { read: async () => (more ? report(times) : null) }
    const caller = { kind: 'operator', account: null, key: 'preset', roles: ['operator'] } as const
    const ctx = registryContext(system.registry, { identity, caller })
    expect(await readHealth(ctx)).toMatchObject({ status, spire })
    expect(await checkReady(ctx)).toEqual({ status: 'ready' })
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
