import { beforeAll, describe, expect, test } from 'vitest'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { seedAgent, seedGrant } from '#test/support/seed-agents.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let developer: TestDeveloper
const token = OPERATOR_KEY
const settings = async () => (await system.api.get('/operator/settings', { token })).body
const change = (body: unknown, key?: string) =>
  system.api.patch('/operator/settings', body, { token, ...(key ? { key } : {}) })

beforeAll(async () => {
  system = await startSystem()
  developer = await registerDeveloper(system)
})

describe('settings', () => {
  test('shows every setting with value, default, bounds and source', async () => {
    const shown = await settings()
    expect(shown.intra_registry_fee_rate).toEqual({
      value: '0.005',
      default: '0.005',
      minimum: '0.005',
      maximum: '0.05',
      source: 'default',
    })
    expect(shown.rate_limit_public_per_minute).toEqual({
      value: 1_000_000,
      default: 60,
      minimum: 1,
      maximum: 1_000_000,
      source: 'env',
    })
    expect(shown.genesis_grant_enabled).toEqual({ value: true, default: true, source: 'default' })
  })

  test.each([
    [{ intra_registry_fee_rate: '0.0049' }, 422, 'out_of_bounds', /between 0\.005 and 0\.05/],
    [{ intra_registry_fee_rate: '0.0501' }, 422, 'out_of_bounds', /between 0\.005 and 0\.05/],
    [{ intra_registry_fee_rate: '0.00500' }, 400, 'validation_failed', /intra_registry_fee_rate/],
    [{ intra_registry_fee_rate: 0.01 }, 400, 'validation_failed', /intra_registry_fee_rate/],
    [{ genesis_grant_amount: '100000.000001' }, 422, 'out_of_bounds', /between 0 and 100000/],
    [{ genesis_grant_amount: '-1' }, 400, 'validation_failed', /genesis_grant_amount/],
    [{ genesis_budget_per_day: '9007199255' }, 422, 'out_of_bounds', /between 0 and 9007199254/],
    [{ genesis_grant_enabled: 'yes' }, 400, 'validation_failed', /genesis_grant_enabled/],
    [{ rate_limit_public_per_minute: 0 }, 422, 'out_of_bounds', /between 1 and 1000000/],
    [{ rate_limit_public_per_minute: 1_000_001 }, 422, 'out_of_bounds', /between 1 and 1000000/],
    [{ rate_limit_public_per_minute: 1.5 }, 400, 'validation_failed', /rate_limit_public_per_minute/],
    [{ minting_authority: 'teg-layer' }, 400, 'validation_failed', /minting_authority/],
  ])('%o answers %i %s', async (body, status, code, words) => {
    const answer = await change(body)
    expect(answer).toMatchObject({ status, body: { code, detail: expect.stringMatching(words) } })
  })

  test('a new fee rate is in force when the answer comes; its repeat under one key changes nothing more', async () => {
    const first = await change({ intra_registry_fee_rate: '0.0125' }, 'fee-1')
    expect(first.status).toBe(200)
    expect((await system.registry.teg.fees(registryContext(system.registry))).base_rate).toBe('0.0125')
    const again = await change({ intra_registry_fee_rate: '0.0125' }, 'fee-1')
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([first.body, 'true'])
    expect(await change({ intra_registry_fee_rate: '0.02' }, 'fee-1')).toMatchObject({
      status: 422,
      body: { code: 'idempotency_key_reused' },
    })
    await change({ intra_registry_fee_rate: null })
    expect((await settings()).intra_registry_fee_rate).toMatchObject({ value: '0.005', source: 'default' })
  })

  test('a lowered public limit refuses the next request of that kind with 429 rate_limited', async () => {
    expect((await change({ rate_limit_public_per_minute: 2 })).status).toBe(200)
    const statuses = []
    for (let i = 0; i < 4; i++) statuses.push((await system.api.get('/audit/supply')).status)
    expect(statuses).toContain(429)
    expect((await system.api.get('/livez')).status).toBe(200)
    expect((await system.api.get('/readyz')).status).toBe(200)
    await change({ rate_limit_public_per_minute: null })
    expect((await system.api.get('/audit/supply')).status).toBe(200)
  })

  test.each(['/operator/settings', '/operator/overview', '/operator/treasury'])(
    '%s answers 401 without a credential and 403 insufficient_scope to a developer',
    async (path) => {
      expect((await system.api.get(path)).status).toBe(401)
      expect(await system.api.get(path, { token: developer.token })).toMatchObject({
        status: 403,
        body: { code: 'insufficient_scope' },
      })
    },
  )
})

describe('overview, treasury and audit', () => {
  test('count what there is; fees stand in the treasury; the postings of every movement sum to zero', async () => {
    const agent = await seedAgent(system, developer.account)
    const other = await seedAgent(system, developer.account)
    await seedAgent(system, developer.account, 'retired')
    await seedGrant(system, developer.account, agent.id, 100_000_000n)
    await payGrant(registryContext(system.registry), developer.account)
    const paid = await system.api.post(
      '/transfers',
      { from_agent: agent.id, to_agent: other.id, amount: '10' },
      { token: developer.token, key: 'one' },
    )
    const overview = (await system.api.get('/operator/overview', { token })).body
    expect(overview).toMatchObject({
      version: '0.1.0',
      developers: { active: 1, suspended: 0 },
      agents: { total: 3, active: 2, deprecated: 0, suspended: 0, retired: 1 },
      grants: { granted: 1, refused: 0, due: 0 },
      supply: { tokens_issued: '100', tokens_circulating: '100' },
      treasury: { balance: '0.05' },
      teg: 'up',
    })
    expect((await system.api.get('/operator/treasury', { token })).body).toMatchObject({
      balance: '0.05',
      fees_collected: '0.05',
    })
    expect((await system.api.get('/audit/supply')).body).toMatchObject({
      tokens_issued: '100',
      tokens_destroyed: '0',
      transit_net: '0',
      tokens_circulating: '100',
      holds: '0',
    })
    const ledger = (await system.api.get('/audit/ledger', { token })).body
    const legs = ledger.items.filter((leg: { transfer_id: string }) => leg.transfer_id === paid.body.id)
    expect(legs.map((leg: { amount: string }) => leg.amount)).toEqual(['-10', '9.95', '0.05'])
    const after = (await system.api.get(`/audit/ledger?after=${legs[0].sequence}`, { token })).body.items
    expect(after).toEqual(legs.slice(1))
    expect((await system.api.get('/audit/ledger', { token: developer.token })).status).toBe(403)
    for (const name of ['after', 'cursor'])
      expect((await system.api.get(`/audit/ledger?${name}=abc`, { token })).body).toMatchObject({
        code: 'validation_failed',
        errors: [{ pointer: `?${name}` }],
      })
  })
})

describe('accounts', () => {
  test('an operator finds an account, gives it roles and suspends it; the audit trail has both', async () => {
    const person = await registerDeveloper(system)
    const found = await system.api.get('/operator/accounts', { token, query: { email: person.email } })
    expect(found.body.items.map(({ id }: { id: string }) => id)).toEqual([person.account])
    const patch = (body: object) => system.api.patch('/operator/accounts', body, { token })
    expect((await patch({ account: person.account, roles: ['auditor'] })).body).toMatchObject({
      roles: ['auditor'],
      status: 'active',
    })
    expect((await system.api.get('/audit/ledger', { token: person.token })).status).toBe(200)
    expect((await patch({ account: person.account, status: 'suspended' })).body.status).toBe('suspended')
    expect((await system.api.get('/auth/me', { token: person.token })).status).toBe(401)
    const acts = await system.registry.db.query(
      'select act, before, after from registry.audit_trail where object = $1 order by position',
      [`accounts/${person.account}`],
    )
    expect(acts).toEqual([
      {
        act: 'account.change',
        before: { roles: [], status: 'active' },
        after: { roles: ['auditor'], status: 'active' },
      },
      {
        act: 'account.change',
        before: { roles: ['auditor'], status: 'active' },
        after: { roles: ['auditor'], status: 'suspended' },
      },
    ])
    expect(await patch({ account: crypto.randomUUID(), roles: [] })).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    })
    expect((await patch({ account: person.account, roles: ['root'] })).body.code).toBe('validation_failed')
  })
})
