import { describe, expect, test } from 'vitest'
import { codeOf, startPaymentWorld } from '#test/support/payment-world.ts'
import type { Answer } from '#test/support/request.ts'
import { seedAgent } from '#test/support/seed-agents.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'

const {
  agentKey,
  alice,
  balance,
  bob,
  cancel,
  carol,
  issue,
  issued,
  nextKey,
  payee,
  payer,
  read,
  redeem,
  system,
  verify,
} = await startPaymentWorld()

describe('POST /payments/tokens', () => {
  test('answers 201 with Location and the token; the amount is held and the balance does not move', async () => {
    const before = await balance()
    const answer = await issue({ amount: '12.50', task_ref: 'task-1' })
    expect(answer.status).toBe(201)
    const { token, balance_after, ...shown } = answer.body
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
    expect(balance_after).toBe(after?.available)
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
      expect(codeOf(await issue(fields, alice.token, key))).toEqual([422, 'idempotency_key_reused'])
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
    expect(codeOf(await issue(fields))).toEqual([status, words])
  })

  test('to oneself answers 422 same_agent; for the agent of another 403 not_owner; without key 400', async () => {
    expect(codeOf(await issue({ payee_agent: payer.did }))).toEqual([422, 'same_agent'])
    expect(codeOf(await issue({}, bob.token))).toEqual([403, 'not_owner'])
    const body = { payer_agent: payer.id, payee_agent: payee.id, amount: '1', expires_in: 60 }
    const keyless = await system.api.post('/payments/tokens', body, { token: alice.token })
    expect(codeOf(keyless)).toEqual([400, 'idempotency_key_required'])
    expect(codeOf(await issue({}, OPERATOR_KEY))).toEqual([403, 'insufficient_scope'])
    const anonymous = await system.api.post('/payments/tokens', body, { key: nextKey() })
    expect(codeOf(anonymous)).toEqual([401, 'unauthenticated'])
  })

  test("an agent's key needs the scope, acts for its agent alone and spends within its limits", async () => {
    const reader = await agentKey(payer.id, alice, { scopes: ['payments:read'] })
    expect(codeOf(await issue({}, reader))).toEqual([403, 'insufficient_scope'])
    const robot = await agentKey(payer.id, alice, { limits: { per_transfer: '5', per_day: '8' } })
    expect(codeOf(await issue({ amount: '5.000001' }, robot))).toEqual([422, 'limit_exceeded'])
    const first = await issue({ amount: '5' }, robot)
    expect(first.status).toBe(201)
    expect(codeOf(await issue({ amount: '4' }, robot))).toEqual([422, 'limit_exceeded'])
    expect(codeOf(await issue({ payer_agent: payee.id, payee_agent: payer.id }, robot))).toEqual([
      403,
      'not_owner',
    ])
    expect((await cancel(first.body.id, robot)).body.status).toBe('cancelled')
  })
})

describe('POST /payments/tokens/verify', () => {
  test('answers the token to its payee, by session and by agent key, and changes nothing', async () => {
    const { token, balance_after: _own, ...shown } = await issued()
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
      expect(codeOf(await verify(token, bearer))).toEqual([403, 'audience_mismatch'])
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
    expect(codeOf(await verify(used.token))).toEqual([409, 'token_redeemed'])
    const cancelled = await issued()
    await cancel(cancelled.id)
    expect(codeOf(await verify(cancelled.token))).toEqual([409, 'token_cancelled'])
    const over = await issued({ expires_in: 5 })
    system.clock.advance(5_000)
    expect(codeOf(await verify(over.token))).toEqual([409, 'token_expired'])
  })

  test('a token that the gate would not redeem, because a party is suspended, answers 409 agent_not_active', async () => {
    const { id, token } = await issued()
    const change = (agent: string, status: string, by: string) =>
      system.api.patch(`/agents/${agent}/status`, { status }, { token: by })
    for (const [agent, by, who] of [
      [payer.id, alice.token, 'payer'],
      [payee.id, bob.token, 'payee'],
    ] as const) {
      expect((await change(agent, 'suspended', by)).status).toBe(200)
      for (const answer of [await verify(token), await redeem(token)])
        expect(answer).toMatchObject({
          status: 409,
          body: { code: 'agent_not_active', detail: `The ${who} is not active.` },
        })
      await change(agent, 'deprecated', by)
      expect((await verify(token)).status).toBe(200)
      await change(agent, 'active', by)
    }
    await cancel(id)
  })
})

describe('POST /payments/tokens/{id}/cancel', () => {
  test('gives the hold back; again it is answered as it is; a used token answers 409 token_redeemed', async () => {
    const before = await balance()
    const { id, token } = await issued()
    const first = await cancel(id)
    expect([first.status, first.body.status]).toEqual([200, 'cancelled'])
    expect(await balance()).toEqual(before)
    expect(first.body.balance_after).toBe(before?.available)
    expect((await cancel(id)).body).toEqual(first.body)
    expect(codeOf(await redeem(token))).toEqual([409, 'token_cancelled'])
    const used = await issued()
    await redeem(used.token)
    expect(codeOf(await cancel(used.id))).toEqual([409, 'token_redeemed'])
  })

  test('the payee is told not_owner, everybody else 404', async () => {
    const { id } = await issued()
    expect(codeOf(await cancel(id, bob.token))).toEqual([403, 'not_owner'])
    expect(codeOf(await cancel(id, carol.token))).toEqual([404, 'not_found'])
    expect(codeOf(await cancel('01900000-0000-7000-8000-000000000001'))).toEqual([404, 'not_found'])
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
    expect(codeOf(await read(id, carol.token))).toEqual([404, 'not_found'])
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
        expect(codeOf(other)).toEqual([400, 'cursor_mismatch'])
      }
    } while (cursor)
    expect(listed).toEqual(made)
    expect((await list({ status: 'active' }, alice.token)).body.items).toHaveLength(5)
    expect((await list({}, carol.token)).body.items).toEqual([])
    expect((await list({ status: 'active' }, OPERATOR_KEY)).body.items).toHaveLength(5)
    expect(codeOf(await list({ agent: payee.id }, carol.token))).toEqual([404, 'not_found'])
    expect(codeOf(await list({ status: 'open' }))).toEqual([400, 'validation_failed'])
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
    expect(Number(then.body.held) - Number(now.body.held)).toBeCloseTo(7, 6)
    expect(Number(then.body.available)).toBeCloseTo(Number(now.body.available), 6)
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
