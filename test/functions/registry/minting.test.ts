import { beforeAll, describe, expect, test } from 'vitest'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import type { Answer } from '#test/support/request.ts'
import { type SeededAgent, seedAgent } from '#test/support/seed-agents.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let developer: TestDeveloper
let agent: SeededAgent
let serial = 0
const nextKey = () => `key-${++serial}`
const token = OPERATOR_KEY
const mint = (body: object, key = nextKey()) => system.api.post('/operator/mint', body, { token, key })
const burn = (body: object, key = nextKey()) => system.api.post('/operator/burn', body, { token, key })
const code = ({ status, body }: Answer) => [status, body.code]
const supply = async () => (await system.api.get('/audit/supply')).body
const treasury = async () => (await system.api.get('/operator/treasury', { token })).body
const acts = () =>
  system.registry.db.query<{ act: string; object: string; actor: string; after: object }>(
    `select act, object, actor, after from registry.audit_trail where act like 'supply.%' order by position`,
  )

beforeAll(async () => {
  system = await startSystem({ MINTING_AUTHORITY: 'teg-layer' })
  await postFees(registryContext(system.registry))
  developer = await registerDeveloper(system)
  agent = await seedAgent(system, developer.account)
})

describe('where the TEG has minting authority', () => {
  test('an operator mints to the treasury and to an agent, once per key, and the supply says so', async () => {
    const key = nextKey()
    const first = await mint({ amount: '100.50', memo: 'for the start' }, key)
    expect([first.status, first.body]).toEqual([
      200,
      {
        transfer_id: expect.any(String),
        agent: null,
        amount: '100.5',
        created_at: expect.any(String),
      },
    ])
    const again = await mint({ amount: '100.5', memo: 'for the start', to_agent: null }, key)
    expect([again.body, again.headers.get('idempotency-replayed')]).toEqual([first.body, 'true'])
    expect(code(await mint({ amount: '100', memo: 'for the start' }, key))).toEqual([
      422,
      'idempotency_key_reused',
    ])
    expect((await treasury()).balance).toBe('100.5')
    const granted = await mint({ to_agent: agent.did, amount: '7', memo: 'a prize' })
    expect(granted.body).toMatchObject({ agent: agent.id, amount: '7', balance_after: '7' })
    const balance = await system.api.get(`/agents/${agent.id}/balance`, { token: developer.token })
    expect(balance.body.available).toBe('7')
    const page = await system.api.get(`/agents/${agent.id}/statement`, { token: developer.token })
    expect(page.body.items[0]).toMatchObject({ kind: 'mint', direction: 'in', amount: '7', fee: '0' })
    expect(await supply()).toMatchObject({ tokens_issued: '107.5', tokens_circulating: '107.5' })
  })

  test('an operator burns of both; more than there is answers 422 insufficient_funds', async () => {
    const before = await supply()
    const burnt = await burn({ from_agent: agent.id, amount: '2', memo: 'too much' })
    expect(burnt.body).toMatchObject({ agent: agent.id, amount: '2', balance_after: '5' })
    expect((await burn({ amount: '0.5', memo: 'of the treasury' })).body).toMatchObject({ agent: null })
    expect(code(await burn({ from_agent: agent.id, amount: '6', memo: 'x' }))).toEqual([
      422,
      'insufficient_funds',
    ])
    expect(code(await burn({ amount: '1000', memo: 'x' }))).toEqual([422, 'insufficient_funds'])
    const after = await supply()
    expect(after).toMatchObject({ tokens_issued: before.tokens_issued, tokens_destroyed: '2.5' })
    expect(Number(before.tokens_circulating) - Number(after.tokens_circulating)).toBeCloseTo(2.5, 6)
  })

  test('each act stands once in the audit trail, with its actor, also when it was repeated', async () => {
    const key = nextKey()
    const body = { to_agent: agent.id, amount: '1', memo: 'once' }
    const answers = await Promise.all(Array.from({ length: 5 }, () => mint(body, key)))
    const { transfer_id } = answers[0]?.body ?? {}
    for (const answer of answers) expect(answer.body.transfer_id).toBe(transfer_id)
    const rows = (await acts()).filter(({ object }) => object === `transfers/${transfer_id}`)
    expect(rows).toEqual([
      {
        act: 'supply.mint',
        object: `transfers/${transfer_id}`,
        actor: 'operator:preset',
        after: expect.objectContaining({ agent: agent.id, amount: '1', memo: 'once' }),
      },
    ])
  })

  test.each([
    [{ amount: '0' }, 422, 'amount_out_of_range'],
    [{ amount: '1e3' }, 400, 'validation_failed'],
    [{ amount: '1', to_agent: 'nobody' }, 400, 'validation_failed'],
    [{ amount: '1', to: null }, 400, 'validation_failed'],
    [{ amount: '1', to_agent: '01900000-0000-7000-8000-000000000001' }, 404, 'agent_not_found'],
  ])('mint %o answers %i %s', async (body, status, word) => {
    expect(code(await mint(body))).toEqual([status, word])
  })

  test('is for operators, with a key of the order', async () => {
    const body = { amount: '1', memo: 'x' }
    for (const path of ['/operator/mint', '/operator/burn']) {
      const mine = await system.api.post(path, body, { token: developer.token, key: nextKey() })
      expect(code(mine)).toEqual([403, 'insufficient_scope'])
      expect(code(await system.api.post(path, body, { token }))).toEqual([400, 'idempotency_key_required'])
      expect(code(await system.api.post(path, body, { key: nextKey() }))).toEqual([401, 'unauthenticated'])
    }
  })
})

test('in the federated mode both answer 409 minting_disabled, and nothing is issued', async () => {
  const federated = await startSystem()
  for (const path of ['/operator/mint', '/operator/burn']) {
    const answer = await federated.api.post(path, { amount: '1', memo: 'x' }, { token, key: nextKey() })
    expect(code(answer)).toEqual([409, 'minting_disabled'])
  }
  expect((await federated.api.get('/audit/supply')).body).toMatchObject({
    tokens_issued: '0',
    tokens_destroyed: '0',
  })
})
