import { beforeAll, describe, expect, test } from 'vitest'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { type SeededAgent, seedAgent, seedGrant } from '#test/support/seed-agents.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

interface Item {
  index: number
  status: string
  transfer?: { id: string; amount: string; balance_after: string }
  error?: { code: string; detail: string }
}

let system: System
let alice: TestDeveloper
let bob: TestDeveloper
let payer: SeededAgent
let payee: SeededAgent

const send = (transfers: unknown, key: string, token = alice.token) =>
  system.api.post('/transfers/batch', { transfers }, { token, key })
const item = (fields: object = {}) => ({ from_agent: payer.id, to_agent: payee.id, amount: '1', ...fields })
const available = async (agent: string) =>
  (await system.registry.teg.balance(registryContext(system.registry), agent))?.available
const outcomes = (items: Item[]) => items.map(({ status, error }) => error?.code ?? status)

beforeAll(async () => {
  system = await startSystem()
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
  payer = await seedAgent(system, alice.account)
  payee = await seedAgent(system, bob.account)
  await seedGrant(system, alice.account, payer.id, 1_000_000_000n)
  expect(await payGrant(registryContext(system.registry), alice.account)).toBe('granted')
})

describe('POST /transfers/batch', () => {
  test('settles items in order, each by itself, and refuses what the caller may not send with its own code', async () => {
    const batch = [
      item({ amount: '600' }),
      item({ amount: '500' }),
      item({ amount: '0' }),
      item({ from_agent: payee.id }),
      item({ from_agent: crypto.randomUUID() }),
      item({ to_agent: payer.id }),
      item({ to_agent: 'did:web:elsewhere.example:api:v1:agents:1' }),
      item({ amount: '100', from_agent: payer.did, to_agent: payee.did }),
    ]
    const answer = await send(batch, 'mixed')
    expect(answer.status).toBe(200)
    expect(answer.body.items.map(({ index }: Item) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(outcomes(answer.body.items)).toEqual([
      'completed',
      'insufficient_funds',
      'amount_out_of_range',
      'not_owner',
      'agent_not_found',
      'same_agent',
      'no_route',
      'completed',
    ])
    expect(answer.body.items[7].transfer.balance_after).toBe('300')
    expect(answer.headers.get('idempotency-replayed')).toBeNull()

    const again = await send(batch, 'mixed')
    expect(again.body).toEqual(answer.body)
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(await available(payer.id)).toBe('300')
  })

  test('item i is known as <key>:<i>, alone too; a reused key with other fields refuses that item only', async () => {
    const first = await send([item(), item({ idempotency_key: 'own' })], 'keys')
    const alone = (key: string) => system.api.post('/transfers', item(), { token: alice.token, key })
    expect((await alone('keys:0')).body.id).toBe(first.body.items[0].transfer.id)
    expect((await alone('own')).body.id).toBe(first.body.items[1].transfer.id)
    const second = await send([item({ amount: '2' }), item({ idempotency_key: 'own' }), item()], 'keys')
    expect(outcomes(second.body.items)).toEqual(['idempotency_key_reused', 'completed', 'completed'])
    expect(second.headers.get('idempotency-replayed')).toBeNull()
    expect(second.body.items[1].transfer.id).toBe(first.body.items[1].transfer.id)
  })

  test('a key of 128 characters serves a batch too', async () => {
    const answer = await send([item({ amount: '0.5' })], 'k'.repeat(128))
    expect(outcomes(answer.body.items)).toEqual(['completed'])
  })

  test.each<[string, () => unknown[], string]>([
    ['a malformed amount', () => [item(), item({ amount: '1e3' })], '/transfers/1/amount'],
    ['an unknown field', () => [item({ tip: '1' })], '/transfers/0/tip'],
    ['no item', () => [], '/transfers'],
    ['1001 items', () => Array.from({ length: 1001 }, () => item()), '/transfers'],
  ])('%s anywhere refuses the whole batch with 400 validation_failed', async (_title, transfers, pointer) => {
    const before = await available(payer.id)
    const answer = await send(transfers(), 'bad')
    expect(answer).toMatchObject({
      status: 400,
      body: { code: 'validation_failed', errors: [{ pointer }] },
    })
    expect(await available(payer.id)).toBe(before)
  })

  test('a thousand mixed items settle at once; a repeat replays every one', async () => {
    const before = Number(await available(payer.id))
    const batch = Array.from({ length: 1000 }, (_, i) =>
      item(i % 10 === 9 ? { amount: '0' } : i % 10 === 8 ? { amount: '100000' } : { amount: '0.01' }),
    )
    const answer = await send(batch, 'thousand')
    expect(answer.status).toBe(200)
    const codes = outcomes(answer.body.items)
    expect(codes.filter((code) => code === 'completed')).toHaveLength(800)
    expect(codes.filter((code) => code === 'insufficient_funds')).toHaveLength(100)
    expect(codes.filter((code) => code === 'amount_out_of_range')).toHaveLength(100)
    expect(Number(await available(payer.id))).toBeCloseTo(before - 8, 6)
    const again = await send(batch, 'thousand')
    expect(again.body).toEqual(answer.body)
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    expect(Number(await available(payer.id))).toBeCloseTo(before - 8, 6)
  })

  test('of the same batch sent by many at once, each item settles once', async () => {
    const before = Number(await available(payer.id))
    const batch = Array.from({ length: 20 }, () => item({ amount: '0.1' }))
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(batch, 'crowd')))
    const ids = answers.map(({ body }) => body.items.map((one: Item) => one.transfer?.id))
    expect(new Set(ids.map((list) => JSON.stringify(list))).size).toBe(1)
    expect(Number(await available(payer.id))).toBeCloseTo(before - 2, 6)
  })

  test('answers 400 idempotency_key_required without a key', async () => {
    const answer = await system.api.post('/transfers/batch', { transfers: [item()] }, { token: alice.token })
    expect(answer).toMatchObject({ status: 400, body: { code: 'idempotency_key_required' } })
  })
})

describe('refunds', () => {
  const paid = async (amount: string) =>
    (await system.api.post('/transfers', item({ amount }), { token: alice.token, key: crypto.randomUUID() }))
      .body
  const refund = (id: string, body?: unknown, token = bob.token, key: string = crypto.randomUUID()) =>
    system.api.post(`/transfers/${id}/refund`, body, { token, key })

  test('the payee pays parts back until the net is used up; beyond it is 422 refund_exceeds', async () => {
    const { id } = await paid('10')
    const part = await refund(id, { amount: '4' })
    expect(part.status).toBe(201)
    expect(part.headers.get('location')).toBe(`/api/v1/transfers/${part.body.id}`)
    expect(part.body).toMatchObject({
      refund_of: id,
      from_agent: payee.id,
      to_agent: payer.id,
      amount: '4',
      fee: '0',
      net: '4',
    })
    expect(await refund(id, { amount: '5.950001' })).toMatchObject({
      status: 422,
      body: { code: 'refund_exceeds' },
    })
    const key = crypto.randomUUID()
    const rest = await refund(id, undefined, bob.token, key)
    expect(rest.body.amount).toBe('5.95')
    const again = await refund(id, undefined, bob.token, key)
    expect([again.body.id, again.headers.get('idempotency-replayed')]).toEqual([rest.body.id, 'true'])
    expect((await refund(id)).body.code).toBe('refund_exceeds')
    expect((await refund(id, {}, bob.token, key)).body.id).toBe(rest.body.id)
    expect((await refund(id, { amount: '1' }, bob.token, key)).body.code).toBe('idempotency_key_reused')
  })

  test('ten refunds at once give back no more than the net', async () => {
    const { id } = await paid('10')
    const answers = await Promise.all(Array.from({ length: 10 }, () => refund(id, { amount: '3' })))
    expect(answers.map(({ status }) => status).sort()).toEqual([
      201, 201, 201, 422, 422, 422, 422, 422, 422, 422,
    ])
  })

  test('answers 403 not_owner to the payer, 404 not_found to a stranger and for an unknown transfer', async () => {
    const { id } = await paid('1')
    const stranger = await registerDeveloper(system)
    expect(await refund(id, {}, alice.token)).toMatchObject({ status: 403, body: { code: 'not_owner' } })
    expect(await refund(id, {}, stranger.token)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect((await refund(crypto.randomUUID(), {})).status).toBe(404)
    expect((await refund(id, {}, OPERATOR_KEY)).body.code).toBe('insufficient_scope')
  })

  test('a refund is no transfer that could be refunded', async () => {
    const { id } = await paid('1')
    const back = await refund(id)
    const twice = await refund(back.body.id, {}, alice.token)
    expect([404, 422]).toContain(twice.status)
  })
})

describe('GET /transfers', () => {
  const list = (query: Record<string, string>, token = bob.token) =>
    system.api.get('/transfers', { token, query })

  test('pages newest first without a gap; a cursor under other filters is 400 cursor_mismatch', async () => {
    const first = await list({ limit: '5' })
    expect(first.body.items).toHaveLength(5)
    const second = await list({ limit: '200', cursor: first.body.next_cursor })
    const whole = await list({ limit: '200' })
    expect([...first.body.items, ...second.body.items].slice(0, 200)).toEqual(whole.body.items)
    expect(await list({ limit: '5', direction: 'in', cursor: first.body.next_cursor })).toMatchObject({
      status: 400,
      body: { code: 'cursor_mismatch' },
    })
    expect((await list({ cursor: 'nonsense' })).body.code).toBe('validation_failed')
  })

  test('a cursor stays good when its developer publishes another agent in between', async () => {
    const first = await list({ limit: '5' })
    await seedAgent(system, bob.account)
    expect((await list({ limit: '5', cursor: first.body.next_cursor })).status).toBe(200)
  })

  test('shows the own side only: direction, agent and status are filters', async () => {
    const carol = await registerDeveloper(system)
    const hers = await seedAgent(system, carol.account)
    const order = { from_agent: payer.id, to_agent: hers.id, amount: '1' }
    const { body } = await system.api.post('/transfers', order, { token: alice.token, key: 'carol' })
    const { balance_after: _own, ...shown } = body
    expect((await list({}, carol.token)).body).toEqual({ items: [shown], next_cursor: null })
    expect(
      (await list({ direction: 'in', agent: hers.did, status: 'completed' }, carol.token)).body.items,
    ).toEqual([shown])
    expect((await list({ direction: 'out' }, carol.token)).body.items).toEqual([])
    expect((await list({ status: 'pending' }, carol.token)).body.items).toEqual([])
    expect((await list({ agent: hers.id }, OPERATOR_KEY)).body.items).toEqual([shown])
    expect((await list({ limit: '1' }, OPERATOR_KEY)).body.items).toEqual([shown])
  })

  test('answers 404 not_found for the transfers of a visible agent of another, 404 agent_not_found for an unknown one', async () => {
    expect(await list({ agent: payer.id })).toMatchObject({ status: 404, body: { code: 'not_found' } })
    expect(await list({ agent: crypto.randomUUID() })).toMatchObject({
      status: 404,
      body: { code: 'agent_not_found' },
    })
  })

  test('a stranger finds no transfer of others, by list or by id', async () => {
    const stranger = await registerDeveloper(system)
    expect((await list({}, stranger.token)).body.items).toEqual([])
    for (const { id } of (await list({ limit: '20' })).body.items)
      expect((await system.api.get(`/transfers/${id}`, { token: stranger.token })).body.code).toBe(
        'not_found',
      )
  })
})
