import { beforeAll, describe, expect, test } from 'vitest'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { logInDeveloper, registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { type SeededAgent, seedAgent, seedGrant } from '#test/support/seed-agents.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

const AVT = 1_000_000n
let system: System
let alice: TestDeveloper
let bob: TestDeveloper
let payer: SeededAgent
let payee: SeededAgent
let serial = 0
const nextKey = () => `key-${++serial}`

async function funded(owner: TestDeveloper, amount: bigint): Promise<SeededAgent> {
  const agent = await seedAgent(system, owner.account)
  await seedGrant(system, owner.account, agent.id, amount)
  expect(await payGrant(registryContext(system.registry), owner.account)).toBe('granted')
  return agent
}

const pay = (fields: object, token = alice.token, key = nextKey()) =>
  system.api.post(
    '/transfers',
    { from_agent: payer.id, to_agent: payee.id, amount: '1', ...fields },
    { token, key },
  )
const quote = (query: Record<string, string> = {}, token = alice.token) =>
  system.api.get('/transfers/quote', {
    token,
    query: { from_agent: payer.id, to_agent: payee.id, amount: '10', ...query },
  })
const available = async (agent: string) =>
  (await system.registry.teg.balance(registryContext(system.registry), agent))?.available

beforeAll(async () => {
  system = await startSystem()
  await postFees(registryContext(system.registry))
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
  payer = await funded(alice, 1_000n * AVT)
  payee = await funded(bob, 10n * AVT)
})

describe('POST /transfers', () => {
  test("answers 201 with Location, the fee taken out and the payer's balance; both parties see it", async () => {
    const paid = await pay({ amount: '10.50', memo: 'for tea', reference: 'r-1' })
    expect(paid.status).toBe(201)
    expect(paid.headers.get('location')).toBe(`/api/v1/transfers/${paid.body.id}`)
    expect(paid.headers.get('idempotency-replayed')).toBeNull()
    expect(paid.body).toMatchObject({
      status: 'completed',
      route: 'local',
      from_agent: payer.id,
      from_did: payer.did,
      to_agent: payee.id,
      to_did: payee.did,
      amount: '10.5',
      fee: '0.0525',
      net: '10.4475',
      fee_rate: '0.005',
      memo: 'for tea',
      reference: 'r-1',
      refund_of: null,
      balance_after: '989.5',
    })
    const { balance_after: _own, ...shown } = paid.body
    for (const token of [alice.token, bob.token, OPERATOR_KEY])
      expect((await system.api.get(`/transfers/${paid.body.id}`, { token })).body).toEqual(shown)
  })

  test('an agent may be named by did, and the payee may have no account yet', async () => {
    const fresh = await seedAgent(system, bob.account)
    const paid = await pay({ from_agent: payer.did, to_agent: fresh.did, amount: '1' })
    expect([paid.status, paid.body.to_agent]).toEqual([201, fresh.id])
    expect(await available(fresh.id)).toBe('0.995')
  })

  test('a repeat with the same key gets the first answer and moves nothing', async () => {
    const key = nextKey()
    const first = await pay({ amount: '2' }, alice.token, key)
    const before = await available(payer.id)
    const again = await pay({ amount: '2.00' }, alice.token, key)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    expect(again.body).toEqual(first.body)
    expect(await available(payer.id)).toBe(before)
  })

  test('a refusal is a first answer too: it is repeated although the money has come meanwhile', async () => {
    const poor = await seedAgent(system, alice.account)
    const key = nextKey()
    const ask = () => pay({ from_agent: poor.id, amount: '3' }, alice.token, key)
    const first = await ask()
    expect(first).toMatchObject({ status: 422, body: { code: 'insufficient_funds' } })
    expect(first.headers.get('idempotency-replayed')).toBeNull()
    expect((await pay({ to_agent: poor.id, amount: '5' })).status).toBe(201)
    const again = await ask()
    expect(again).toMatchObject({
      status: 422,
      body: { code: 'insufficient_funds', detail: first.body.detail },
    })
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect((await pay({ from_agent: poor.id, amount: '3' })).status).toBe(201)
  })

  test('an answer given before the gate leaves the key free', async () => {
    const key = nextKey()
    expect((await pay({}, bob.token, key)).status).toBe(403)
    expect((await pay({ from_agent: crypto.randomUUID() }, alice.token, key)).status).toBe(404)
    expect((await pay({ amount: '1e3' }, alice.token, key)).status).toBe(400)
    expect((await pay({}, alice.token, key)).status).toBe(201)
  })

  test('answers 422 idempotency_key_reused when a used key comes with other fields', async () => {
    const key = nextKey()
    await pay({ amount: '1' }, alice.token, key)
    for (const fields of [{ amount: '1.000001' }, { memo: 'x' }, { to_agent: payee.did }, { reference: 'y' }])
      expect(await pay(fields, alice.token, key)).toMatchObject({
        status: 422,
        body: { code: 'idempotency_key_reused' },
      })
  })

  test.each<[string, number, string, () => object]>([
    ['an amount of zero', 422, 'amount_out_of_range', () => ({ amount: '0' })],
    ['less than the smallest', 422, 'amount_out_of_range', () => ({ amount: '0.000099' })],
    ['more than the largest', 422, 'amount_out_of_range', () => ({ amount: '9007199254.740992' })],
    ['more than there is', 422, 'insufficient_funds', () => ({ amount: '9007199254.740991' })],
    ['itself', 422, 'same_agent', () => ({ to_agent: payer.id })],
    ['an unknown payee', 404, 'agent_not_found', () => ({ to_agent: crypto.randomUUID() })],
    [
      'an agent of a registry that is no peer',
      409,
      'no_route',
      () => ({ to_agent: 'did:web:elsewhere.example:api:v1:agents:1' }),
    ],
    ['an unknown payer', 404, 'agent_not_found', () => ({ from_agent: crypto.randomUUID() })],
    ["somebody else's agent as payer", 403, 'not_owner', () => ({ from_agent: payee.id })],
    ['a quote that is none', 422, 'quote_mismatch', () => ({ quote_id: 'abc' })],
    ['an exponent', 400, 'validation_failed', () => ({ amount: '1e3' })],
    ['a sign', 400, 'validation_failed', () => ({ amount: '-5' })],
    ['a leading zero', 400, 'validation_failed', () => ({ amount: '01' })],
    ['seven decimals', 400, 'validation_failed', () => ({ amount: '1.0000001' })],
    ['forty digits', 400, 'validation_failed', () => ({ amount: '1'.repeat(40) })],
    ['a number', 400, 'validation_failed', () => ({ amount: 1 })],
    ['an unknown field', 400, 'validation_failed', () => ({ tip: '1' })],
    ['a memo of 501 characters', 400, 'validation_failed', () => ({ memo: 'm'.repeat(501) })],
    ['a payee that is no reference', 400, 'validation_failed', () => ({ to_agent: 'bob' })],
  ])('%s answers %i %s', async (_title, status, code, fields) => {
    expect(await pay(fields())).toMatchObject({ status, body: { code, status } })
  })

  test.each(['suspended', 'retired'] as const)(
    'answers 409 agent_not_active for a payee that is %s, also where the TEG hears of it now',
    async (status) => {
      const gone = await seedAgent(system, bob.account, status)
      expect(await pay({ to_agent: gone.id })).toMatchObject({
        status: 409,
        body: { code: 'agent_not_active' },
      })
    },
  )

  test('answers 400 idempotency_key_required without a key, 401 without a credential, 403 for an operator key', async () => {
    const order = { from_agent: payer.id, to_agent: payee.id, amount: '1' }
    const answers = await Promise.all([
      system.api.post('/transfers', order, { token: alice.token }),
      system.api.post('/transfers', order, { key: 'k' }),
      system.api.post('/transfers', order, { key: 'k', token: OPERATOR_KEY }),
    ])
    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [400, 'idempotency_key_required'],
      [401, 'unauthenticated'],
      [403, 'insufficient_scope'],
    ])
  })

  test('512 transfers at once all settle, and not one unit is lost', async () => {
    const before = await system.registry.teg.supply(registryContext(system.registry))
    const answers = await Promise.all(Array.from({ length: 512 }, () => pay({ amount: '0.001' })))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
    expect(new Set(answers.map(({ body }) => body.balance_after)).size).toBe(512)
    const after = await system.registry.teg.supply(registryContext(system.registry))
    expect(after.tokens_circulating).toBe(before.tokens_circulating)
  }, 120_000)
})

describe('GET /transfers/quote', () => {
  test('quotes the fee in force; the transfer under it pays what was promised, also after a rise', async () => {
    const quoted = await quote()
    expect(quoted.body).toMatchObject({
      amount: '10',
      fee_rate: '0.005',
      fee: '0.05',
      net: '9.95',
      route: 'local',
      valid_until: new Date(system.clock.now().getTime() + 15 * 60_000).toISOString(),
    })
    const rate = (value: string | null) =>
      system.api.patch('/operator/settings', { intra_registry_fee_rate: value }, { token: OPERATOR_KEY })
    expect((await rate('0.02')).body.intra_registry_fee_rate).toMatchObject({ value: '0.02', source: 'api' })
    const { quote_id } = quoted.body
    expect((await pay({ amount: '10', quote_id })).body).toMatchObject({ fee: '0.05', fee_rate: '0.005' })
    expect((await pay({ amount: '10' })).body).toMatchObject({ fee: '0.2', fee_rate: '0.02' })
    expect((await quote()).body).toMatchObject({ fee: '0.2', fee_rate: '0.02' })
    await rate(null)
    expect((await quote()).body.fee_rate).toBe('0.005')
  })

  test('answers 422 quote_mismatch when payer, payee or amount are not those of the quote', async () => {
    const { quote_id } = (await quote()).body
    const other = await seedAgent(system, alice.account)
    for (const fields of [
      { amount: '10.1' },
      { amount: '10', to_agent: other.id },
      { amount: '10', from_agent: other.id },
    ])
      expect(await pay({ quote_id, ...fields })).toMatchObject({
        status: 422,
        body: { code: 'quote_mismatch' },
      })
  })

  test('a quote is good until its end and answers 409 quote_expired past it; a known key is not asked again', async () => {
    const { quote_id } = (await quote()).body
    system.clock.advance(15 * 60_000 - 1000)
    const key = nextKey()
    expect((await pay({ amount: '10', quote_id }, alice.token, key)).status).toBe(201)
    system.clock.advance(2000)
    alice = await logInDeveloper(system, alice.email)
    expect(await pay({ amount: '10', quote_id })).toMatchObject({
      status: 409,
      body: { code: 'quote_expired' },
    })
    const again = await pay({ amount: '10', quote_id }, alice.token, key)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
  })

  test.each<[string, number, string, () => Record<string, string> | Promise<Record<string, string>>]>([
    ['an unknown payer', 404, 'agent_not_found', () => ({ from_agent: crypto.randomUUID() })],
    ['an unknown payee', 404, 'agent_not_found', () => ({ to_agent: crypto.randomUUID() })],
    ["somebody else's payer", 403, 'not_owner', () => ({ from_agent: payee.id })],
    ['a foreign did', 409, 'no_route', () => ({ to_agent: 'did:web:elsewhere.example:api:v1:agents:1' })],
    [
      'a retired payee',
      409,
      'agent_not_active',
      async () => ({ to_agent: (await seedAgent(system, bob.account, 'retired')).id }),
    ],
    ['itself', 422, 'same_agent', () => ({ to_agent: payer.did })],
    ['nothing', 422, 'amount_out_of_range', () => ({ amount: '0' })],
    ['a malformed amount', 400, 'validation_failed', () => ({ amount: '+1' })],
    ['an unknown field', 400, 'validation_failed', () => ({ currency: 'AVT' })],
  ])('a quote of %s answers %i %s', async (_title, status, code, fields) => {
    expect(await quote(await fields())).toMatchObject({ status, body: { code } })
  })
})
