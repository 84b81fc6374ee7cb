import { beforeAll, describe, expect, test } from 'vitest'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { expirePayments } from '#core/registry/payments/expire-payments.ts'
import { postFees } from '#core/registry/settings/post-fees.ts'
import { relayEvents } from '#core/registry/stream/relay-events.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import type { Answer } from '#test/support/request.ts'
import { type SeededAgent, seedAgent, seedGrant } from '#test/support/seed-agents.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let alice: TestDeveloper
let bob: TestDeveloper
let carol: TestDeveloper
let payer: SeededAgent
let payee: SeededAgent
let serial = 0
const nextKey = () => `key-${++serial}`

const issue = (fields: object = {}, token = alice.token, key = nextKey()) =>
  system.api.post(
    '/payments/tokens',
    { payer_agent: payer.id, payee_agent: payee.id, amount: '10', expires_in: 600, ...fields },
    { token, key },
  )
const issued = async (fields: object = {}): Promise<Answer['body']> => {
  const answer = await issue(fields)
  expect(answer.status, answer.text).toBe(201)
  return answer.body
}
const verify = (text: string, token = bob.token) =>
  system.api.post('/payments/tokens/verify', { token: text }, { token })
const redeem = (text: string, fields: object = {}, token = bob.token, key = nextKey()) =>
  system.api.post('/payments/tokens/redeem', { token: text, ...fields }, { token, key })
const cancel = (id: string, token = alice.token) =>
  system.api.post(`/payments/tokens/${id}/cancel`, undefined, { token })
const read = (id: string, token = alice.token) => system.api.get(`/payments/tokens/${id}`, { token })
const balance = async (agent = payer.id) =>
  system.registry.teg.balance(registryContext(system.registry), agent)
const agentKey = async (agent: string, owner: TestDeveloper, more: object = {}) => {
  const body = { name: 'robot', scopes: ['payments:write'], ...more }
  const made = await system.api.post(`/agents/${agent}/keys`, body, { token: owner.token })
  expect(made.status, made.text).toBe(201)
  return made.body.secret as string
}
const code = ({ status, body }: Answer) => [status, body.code]

beforeAll(async () => {
  system = await startSystem()
  await postFees(registryContext(system.registry))
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
  carol = await registerDeveloper(system)
  payer = await seedAgent(system, alice.account)
  payee = await seedAgent(system, bob.account)
  await seedGrant(system, alice.account, payer.id, 100_000_000_000n)
  expect(await payGrant(registryContext(system.registry), alice.account, 30_000)).toBe('granted')
})

describe('POST /payments/tokens', () => {
  test('answers 201 with Location and the token; the amount is held and the balance does not move', async () => {
    const before = await balance()
    const answer = await issue({ amount: '12.50', task_ref: 'task-1' })
    expect(answer.status).toBe(201)
    const { token, ...shown } = answer.body
    expect(answer.headers.get('location')).toBe(`/api/v1/payments/tokens/${shown.id}`)
    expect(answer.headers.get('idempotency-replayed')).toBeNull()
    expect(token).toMatch(/^apt_/)
    expect(shown).toMatchObject({
      status: 'active',
      payer_agent: payer.id,
      payer_did: payer.did,
      payee_agent: payee.id,
      payee_did: payee.did,
      amount: '12.5',
      redeemed_amount: '0',
      transfer_id: null,
      task_ref: 'task-1',
    })
    const life = Date.parse(shown.expires_at) - Date.parse(shown.created_at)
    expect(life).toBe(600_000)
    const after = await balance()
    expect([after?.total, Number(after?.held) - Number(before?.held)]).toEqual([before?.total, 12.5])
    expect((await read(shown.id)).body).toEqual(shown)
    expect((await cancel(shown.id)).status).toBe(200)
  })

  test('a repeat with the same key signs the same token again and holds nothing more', async () => {
    const key = nextKey()
    const first = await issue({}, alice.token, key)
    const before = await balance()
    const again = await issue({ amount: '10.0' }, alice.token, key)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    expect(again.body).toEqual(first.body)
    expect(await balance()).toEqual(before)
    for (const fields of [{ amount: '11' }, { expires_in: 601 }, { task_ref: 'x' }])
      expect(code(await issue(fields, alice.token, key))).toEqual([422, 'idempotency_key_reused'])
    await cancel(first.body.id)
  })

  test.each([
    [{ expires_in: 86_401 }, 422, 'out_of_bounds'],
    [{ expires_in: 0 }, 422, 'out_of_bounds'],
    [{ expires_in: -1 }, 422, 'out_of_bounds'],
    [{ expires_in: 1.5 }, 400, 'validation_failed'],
    [{ expires_in: '600' }, 400, 'validation_failed'],
    [{ expires_in: undefined }, 400, 'validation_failed'],
    [{ amount: '1e3' }, 400, 'validation_failed'],
    [{ amount: 10 }, 400, 'validation_failed'],
    [{ amount: '0' }, 422, 'amount_out_of_range'],
    [{ amount: '0.00001' }, 422, 'amount_out_of_range'],
    [{ amount: '9999999999' }, 422, 'amount_out_of_range'],
    [{ amount: '1000000' }, 422, 'insufficient_funds'],
    [{ note: 'x' }, 400, 'validation_failed'],
    [{ task_ref: 'x'.repeat(201) }, 400, 'validation_failed'],
    [{ payee_agent: '01900000-0000-7000-8000-000000000001' }, 404, 'agent_not_found'],
    [{ payee_agent: 'did:web:elsewhere.example:api:v1:agents:x' }, 409, 'no_route'],
    [{ payer_agent: '01900000-0000-7000-8000-000000000001' }, 404, 'agent_not_found'],
  ])('%o answers %i %s', async (fields, status, words) => {
    expect(code(await issue(fields))).toEqual([status, words])
  })

  test('to oneself answers 422 same_agent; for the agent of another 403 not_owner; without key 400', async () => {
    expect(code(await issue({ payee_agent: payer.did }))).toEqual([422, 'same_agent'])
    expect(code(await issue({}, bob.token))).toEqual([403, 'not_owner'])
    const body = { payer_agent: payer.id, payee_agent: payee.id, amount: '1', expires_in: 60 }
    const keyless = await system.api.post('/payments/tokens', body, { token: alice.token })
    expect(code(keyless)).toEqual([400, 'idempotency_key_required'])
    expect(code(await issue({}, OPERATOR_KEY))).toEqual([403, 'insufficient_scope'])
    const anonymous = await system.api.post('/payments/tokens', body, { key: nextKey() })
    expect(code(anonymous)).toEqual([401, 'unauthenticated'])
  })

  test("an agent's key needs the scope, acts for its agent alone and spends within its limits", async () => {
    const reader = await agentKey(payer.id, alice, { scopes: ['payments:read'] })
    expect(code(await issue({}, reader))).toEqual([403, 'insufficient_scope'])
    const robot = await agentKey(payer.id, alice, { limits: { per_transfer: '5', per_day: '8' } })
    expect(code(await issue({ amount: '5.000001' }, robot))).toEqual([422, 'limit_exceeded'])
    const first = await issue({ amount: '5' }, robot)
    expect(first.status).toBe(201)
    expect(code(await issue({ amount: '4' }, robot))).toEqual([422, 'limit_exceeded'])
    expect(code(await issue({ payer_agent: payee.id, payee_agent: payer.id }, robot))).toEqual([
      403,
      'not_owner',
    ])
    expect((await cancel(first.body.id, robot)).body.status).toBe('cancelled')
  })
})

describe('POST /payments/tokens/verify', () => {
  test('answers the token to its payee, by session and by agent key, and changes nothing', async () => {
    const { token, ...shown } = await issued()
    const robot = await agentKey(payee.id, bob, { scopes: ['payments:read'] })
    for (const bearer of [bob.token, robot, bob.token]) {
      const answer = await verify(token, bearer)
      expect([answer.status, answer.body]).toEqual([200, shown])
    }
    await cancel(shown.id)
  })

  test('everybody else gets 403 audience_mismatch, the payer included', async () => {
    const { token, id } = await issued()
    const other = await seedAgent(system, carol.account)
    for (const bearer of [carol.token, alice.token, await agentKey(other.id, carol)])
      expect(code(await verify(token, bearer))).toEqual([403, 'audience_mismatch'])
    await cancel(id)
  })

  test('a text that is no token of this registry answers 400 validation_failed at /token', async () => {
    const { token, id } = await issued()
    const forged = `${token.slice(0, -20)}${'A'.repeat(20)}`
    for (const text of [forged, 'apt_a.b.c', 'nfk_abc', '', 'apt_', token.slice(4), `${token} `])
      expect(await verify(text)).toMatchObject({
        status: 400,
        body: { code: 'validation_failed', errors: [{ pointer: '/token' }] },
      })
    await cancel(id)
  })

  test('a token that is used, cancelled or over answers 409 with that word', async () => {
    const used = await issued()
    await redeem(used.token)
    expect(code(await verify(used.token))).toEqual([409, 'token_redeemed'])
    const cancelled = await issued()
    await cancel(cancelled.id)
    expect(code(await verify(cancelled.token))).toEqual([409, 'token_cancelled'])
    const over = await issued({ expires_in: 5 })
    system.clock.advance(5_000)
    expect(code(await verify(over.token))).toEqual([409, 'token_expired'])
  })
})

describe('POST /payments/tokens/redeem', () => {
  test('in whole: the payee gets the amount less the fee, the token names the transfer, both statements show a payment', async () => {
    const before = await balance()
    const had = await balance(payee.id)
    const { token, id } = await issued({ amount: '10', task_ref: 'task-9' })
    const answer = await redeem(token)
    expect(answer.status).toBe(200)
    expect(answer.body).toMatchObject({
      id,
      status: 'redeemed',
      amount: '10',
      redeemed_amount: '10',
      transfer_id: answer.body.transfer.id,
      transfer: {
        status: 'completed',
        from_agent: payer.id,
        to_agent: payee.id,
        amount: '10',
        fee: '0.05',
        net: '9.95',
        refund_of: null,
      },
    })
    expect(answer.body.transfer).not.toHaveProperty('balance_after')
    expect(Number(before?.total) - Number((await balance())?.total)).toBeCloseTo(10, 6)
    expect(Number((await balance(payee.id))?.available) - Number(had?.available)).toBeCloseTo(9.95, 6)
    const { transfer_id } = answer.body
    for (const [agent, token, direction] of [
      [payer.id, alice.token, 'out'],
      [payee.id, bob.token, 'in'],
    ] as const) {
      const [item] = (await system.api.get(`/agents/${agent}/statement`, { token })).body.items
      expect(item).toMatchObject({ transfer_id, kind: 'payment', direction })
      expect((await system.api.get(`/transfers/${transfer_id}`, { token })).body).toMatchObject({
        id: transfer_id,
        net: '9.95',
      })
    }
  })

  test('in part: the rest goes back to the payer at once', async () => {
    const before = await balance()
    const { token } = await issued({ amount: '10' })
    const answer = await redeem(token, { amount: '2.5' })
    expect(answer.body).toMatchObject({
      status: 'redeemed',
      amount: '10',
      redeemed_amount: '2.5',
      transfer: { amount: '2.5' },
    })
    const after = await balance()
    expect(after?.held).toBe(before?.held)
    expect(Number(before?.available) - Number(after?.available)).toBeCloseTo(2.5, 6)
    expect(code(await redeem(token, { amount: '2.5' }))).toEqual([409, 'token_redeemed'])
  })

  test('a repeat with the same key gets the first answer, after the expiry too; another body is refused', async () => {
    const { token } = await issued({ expires_in: 30 })
    const key = nextKey()
    const first = await redeem(token, {}, bob.token, key)
    system.clock.advance(31_000)
    const again = await redeem(token, {}, bob.token, key)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(again.body).toEqual(first.body)
    expect(code(await redeem(token, { amount: '1' }, bob.token, key))).toEqual([
      422,
      'idempotency_key_reused',
    ])
  })

  test('expiry is judged by the redemption itself: no sweep has run, and the hold is free again', async () => {
    const before = await balance()
    const { token, id } = await issued({ expires_in: 60 })
    system.clock.advance(60_000)
    expect(code(await redeem(token))).toEqual([409, 'token_expired'])
    expect((await read(id)).body.status).toBe('expired')
    expect(code(await cancel(id))).toEqual([409, 'token_expired'])
    await expirePayments(registryContext(system.registry))
    expect(await balance()).toEqual(before)
  })

  test('more than the token, nothing of it, and the token of another are refused; the key stays free before the gate', async () => {
    const { token, id } = await issued()
    expect(code(await redeem(token, { amount: '10.000001' }))).toEqual([422, 'amount_out_of_range'])
    expect(code(await redeem(token, { amount: '0' }))).toEqual([422, 'amount_out_of_range'])
    const key = nextKey()
    expect(code(await redeem(token, {}, carol.token, key))).toEqual([403, 'audience_mismatch'])
    expect(code(await redeem(token, {}, alice.token, key))).toEqual([403, 'audience_mismatch'])
    expect(code(await redeem('apt_a.b.c', {}, bob.token, key))).toEqual([400, 'validation_failed'])
    expect((await redeem(token, {}, bob.token, key)).status).toBe(200)
    expect((await read(id)).body.status).toBe('redeemed')
  })

  test('twenty redeemers with keys of their own: one wins, the others read token_redeemed, and the payer pays once', async () => {
    const before = await balance()
    const { token } = await issued({ amount: '20' })
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(token)))
    const won = answers.filter(({ status }) => status === 200)
    expect(won).toHaveLength(1)
    for (const answer of answers)
      if (answer.status !== 200) expect(code(answer)).toEqual([409, 'token_redeemed'])
    expect(Number(before?.total) - Number((await balance())?.total)).toBeCloseTo(20, 6)
    expect((await balance())?.held).toBe(before?.held)
  })

  test('twenty redeemers with one key: one effect, and all have the same answer', async () => {
    const before = await balance()
    const { token } = await issued({ amount: '20' })
    const key = nextKey()
    const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(token, {}, bob.token, key)))
    for (const answer of answers) expect([answer.status, answer.body]).toEqual([200, answers[0]?.body])
    const fresh = answers.filter(({ headers }) => headers.get('idempotency-replayed') === null)
    expect(fresh).toHaveLength(1)
    expect(Number(before?.total) - Number((await balance())?.total)).toBeCloseTo(20, 6)
  })

  test('a redemption and a cancellation at the same time: one of them', async () => {
    for (let round = 0; round < 5; round++) {
      const before = await balance()
      const { token, id } = await issued({ amount: '1' })
      const [redeemed, cancelled] = await Promise.all([redeem(token), cancel(id)])
      const outcome = [redeemed.status, cancelled.status]
      expect([
        [200, 409],
        [409, 200],
      ]).toContainEqual(outcome)
      const paid = redeemed.status === 200 ? 1 : 0
      expect(Number(before?.total) - Number((await balance())?.total)).toBeCloseTo(paid, 6)
      expect((await balance())?.held).toBe(before?.held)
    }
  })
})

describe('POST /payments/tokens/{id}/cancel', () => {
  test('gives the hold back; again it is answered as it is; a used token answers 409 token_redeemed', async () => {
    const before = await balance()
    const { id, token } = await issued()
    const first = await cancel(id)
    expect([first.status, first.body.status]).toEqual([200, 'cancelled'])
    expect(await balance()).toEqual(before)
    expect((await cancel(id)).body).toEqual(first.body)
    expect(code(await redeem(token))).toEqual([409, 'token_cancelled'])
    const used = await issued()
    await redeem(used.token)
    expect(code(await cancel(used.id))).toEqual([409, 'token_redeemed'])
  })

  test('the payee is told not_owner, everybody else 404', async () => {
    const { id } = await issued()
    expect(code(await cancel(id, bob.token))).toEqual([403, 'not_owner'])
    expect(code(await cancel(id, carol.token))).toEqual([404, 'not_found'])
    expect(code(await cancel('01900000-0000-7000-8000-000000000001'))).toEqual([404, 'not_found'])
    await cancel(id)
  })
})

describe('reading', () => {
  test('both parties and operators see a token; nobody sees its text again', async () => {
    const { id, token } = await issued()
    for (const bearer of [alice.token, bob.token, OPERATOR_KEY]) {
      const answer = await read(id, bearer)
      expect(answer.status).toBe(200)
      expect(answer.text).not.toContain('apt_')
    }
    expect(code(await read(id, carol.token))).toEqual([404, 'not_found'])
    expect((await redeem(token)).text).not.toContain('apt_')
  })

  test('lists newest first by agent and status, in pages that hold together', async () => {
    const made: string[] = []
    for (let i = 0; i < 5; i++) made.unshift((await issued({ amount: '0.01' })).id)
    const list = (query: Record<string, string>, token = bob.token) =>
      system.api.get('/payments/tokens', { token, query })
    const listed: string[] = []
    let cursor: string | null = null
    do {
      const query: Record<string, string> = { agent: payee.did, status: 'active', limit: '2' }
      const page: Answer = await list(cursor ? { ...query, cursor } : query)
      expect(page.status, page.text).toBe(200)
      expect(page.text).not.toContain('apt_')
      listed.push(...page.body.items.map((item: { id: string }) => item.id))
      cursor = page.body.next_cursor
      if (cursor) {
        const other = await list({ status: 'redeemed', limit: '2', cursor })
        expect(code(other)).toEqual([400, 'cursor_mismatch'])
      }
    } while (cursor)
    expect(listed).toEqual(made)
    expect((await list({ status: 'active' }, alice.token)).body.items).toHaveLength(5)
    expect((await list({}, carol.token)).body.items).toEqual([])
    expect((await list({ status: 'active' }, OPERATOR_KEY)).body.items).toHaveLength(5)
    expect(code(await list({ agent: payee.id }, carol.token))).toEqual([404, 'not_found'])
    expect(code(await list({ status: 'open' }))).toEqual([400, 'validation_failed'])
    for (const id of made) await cancel(id)
  })

  test('the balance of a past moment shows what was held then; the statement reads in CSV and by dates', async () => {
    system.clock.advance(1_000)
    const { token, created_at } = await issued({ amount: '7' })
    system.clock.advance(1_000)
    const from = system.clock.now().toISOString()
    await redeem(token)
    const path = `/agents/${payer.id}`
    const then = await system.api.get(`${path}/balance`, { token: alice.token, query: { at: created_at } })
    const now = await system.api.get(`${path}/balance`, { token: alice.token })
    expect(Number(then.body.total) - Number(now.body.total)).toBeCloseTo(7, 6)
    const query = { from }
    const page = await system.api.get(`${path}/statement`, { token: alice.token, query })
    expect(page.body.items).toHaveLength(1)
    const csv = await system.api.get(`${path}/statement`, {
      token: alice.token,
      query,
      headers: { accept: 'text/csv' },
    })
    expect(csv.text.split('\r\n')[1]).toContain(',payment,out,7,')
    const none = await system.api.get(`${path}/statement`, {
      token: alice.token,
      query: { to: '2001-01-01T00:00:00Z' },
    })
    expect(none.body.items).toEqual([])
  })
})

describe('the expiry task', () => {
  test('voids what is over and nothing else, in batches, and gives the holds back; a second run finds nothing', async () => {
    const before = await balance()
    for (let i = 0; i < 12; i++) await issued({ amount: '0.5', expires_in: 60 })
    const living = await issued({ amount: '1', expires_in: 3_600 })
    system.clock.advance(61_000)
    const ctx = registryContext(system.registry)
    const runs = await Promise.all([expirePayments(ctx), expirePayments(ctx)])
    expect(runs.reduce((sum, { expired }) => sum + expired, 0)).toBeGreaterThanOrEqual(12)
    expect(await expirePayments(ctx)).toEqual({ expired: 0, refused: 0 })
    expect(Number((await balance())?.held) - Number(before?.held)).toBeCloseTo(1, 6)
    expect((await read(living.id)).body.status).toBe('active')
    await cancel(living.id)
    expect(await balance()).toEqual(before)
  })
})

test('the journal tells both parties of issue, redemption, cancellation and expiry, and never the text of a token', async () => {
  const events = async (token: string) =>
    (await system.api.get('/events', { token, query: { types: 'payment.*', limit: '200' } })).text
  for (let round = 0; round < 20; round++) await relayEvents(registryContext(system.registry))
  for (const bearer of [alice.token, bob.token]) {
    const text = await events(bearer)
    expect(text).toContain('payment.')
    expect(text).not.toContain('apt_')
  }
  expect(await events(carol.token)).not.toContain('payment.')
})
