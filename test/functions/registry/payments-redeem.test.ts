import { describe, expect, test } from 'vitest'
import { expirePayments } from '#core/registry/payments/expire-payments.ts'
import { relayEvents } from '#core/registry/stream/relay-events.ts'
import { registryContext } from '#test/support/context.ts'
import { codeOf, startPaymentWorld } from '#test/support/payment-world.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'

const { alice, balance, bob, cancel, carol, issued, nextKey, payee, payer, read, redeem, system } =
  await startPaymentWorld()

describe('POST /payments/tokens/redeem', () => {
  test('in whole: the payee gets the amount less the fee, the token names the transfer, both statements show a payment', async () => {
    const before = await balance()
    const had = await balance(payee.id)
    const fees = async () =>
      (await system.api.get('/operator/treasury', { token: OPERATOR_KEY })).body.fees_collected
    const feesBefore = await fees()
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
    expect(answer.body.balance_after).toBe((await balance(payee.id))?.available)
    expect(Number(before?.total) - Number((await balance())?.total)).toBeCloseTo(10, 6)
    expect(Number((await balance(payee.id))?.available) - Number(had?.available ?? 0)).toBeCloseTo(9.95, 6)
    expect(Number(await fees()) - Number(feesBefore)).toBeCloseTo(0.05, 6)
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
    expect(codeOf(await redeem(token, { amount: '2.5' }))).toEqual([409, 'token_redeemed'])
  })

  test('a repeat with the same key gets the first answer, after the expiry too; another body is refused', async () => {
    const { token } = await issued({ expires_in: 30 })
    const key = nextKey()
    const first = await redeem(token, {}, bob.token, key)
    system.clock.advance(31_000)
    const again = await redeem(token, {}, bob.token, key)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(again.body).toEqual(first.body)
    expect(codeOf(await redeem(token, { amount: '1' }, bob.token, key))).toEqual([
      422,
      'idempotency_key_reused',
    ])
  })

  test('expiry is judged by the redemption itself: no sweep has run, and the hold is free again', async () => {
    const before = await balance()
    const { token, id } = await issued({ expires_in: 60 })
    system.clock.advance(60_000)
    expect(codeOf(await redeem(token))).toEqual([409, 'token_expired'])
    expect((await read(id)).body.status).toBe('expired')
    expect(codeOf(await cancel(id))).toEqual([409, 'token_expired'])
    await expirePayments(registryContext(system.registry))
    expect(await balance()).toEqual(before)
  })

  test('more than the token, nothing of it, and the token of another are refused; the key stays free before the gate', async () => {
    const { token, id } = await issued()
    expect(codeOf(await redeem(token, { amount: '10.000001' }))).toEqual([422, 'amount_out_of_range'])
    expect(codeOf(await redeem(token, { amount: '0' }))).toEqual([422, 'amount_out_of_range'])
    const key = nextKey()
    expect(codeOf(await redeem(token, {}, carol.token, key))).toEqual([403, 'audience_mismatch'])
    expect(codeOf(await redeem(token, {}, alice.token, key))).toEqual([403, 'audience_mismatch'])
    expect(codeOf(await redeem('apt_a.b.c', {}, bob.token, key))).toEqual([400, 'validation_failed'])
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
      if (answer.status !== 200) expect(codeOf(answer)).toEqual([409, 'token_redeemed'])
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
