/** Payment tokens in the gate: holds, one use, audience, expiry by the gate's clock, one winner. */
import { describe, expect, test } from 'vitest'
import type { Outcome } from '#core/wire/teg.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import {
  anyCall,
  cancelToken,
  didOf,
  expireToken,
  issueToken,
  newAgent,
  redeemToken,
  refund,
  setStatus,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const t = await startTeg()
const call = anyCall()
const pair = async (avt = '10') => [await t.open(avt), await t.open()] as const
const balance = (agent: string, at?: string) => t.client.balance(call, agent, at)
const code = (outcome: Outcome | undefined) => outcome?.error?.code ?? 'ok'
/** Issues a token that works. */
async function issue(payer: string, payee: string, amount: string, expires_in = 600): Promise<string> {
  const outcome = await t.run(issueToken(payer, payee, amount, { expires_in }))
  return outcome.payment?.id as string
}

describe('issue', () => {
  test('reserves the amount: available falls, balance does not; a replay gives the same token', async () => {
    const [payer, payee] = await pair()
    const command = issueToken(payer, didOf(payee), '4', { task_ref: 'task 7' })
    const done = await t.run(command)
    expect(done).toEqual({
      ok: true,
      replayed: false,
      transfer: null,
      error: null,
      balance_after: '6',
      payment: {
        id: expect.any(String),
        status: 'active',
        payer_agent: payer,
        payer_did: didOf(payer),
        payee_agent: payee,
        payee_did: didOf(payee),
        amount: '4',
        redeemed_amount: '0',
        created_at: t.clock.now().toISOString(),
        expires_at: new Date(t.clock.now().getTime() + 600_000).toISOString(),
        transfer_id: null,
        task_ref: 'task 7',
      },
    })
    expect(await balance(payer)).toMatchObject({ available: '6', held: '4', total: '10' })
    await t.run(redeemToken(payee, done.payment?.id as string))
    expect(await t.run(command)).toEqual({ ...done, replayed: true })
    expect((await t.client.supply(call)).tokens_circulating).toBe((await t.client.supply(call)).tokens_issued)
  })

  test('a key that a transfer has used is refused, and the other way round', async () => {
    const [payer, payee] = await pair()
    const key = newAgent()
    await t.run(issueToken(payer, payee, '1', { key }))
    expect(code(await t.run(transfer(payer, payee, '1', { key })))).toBe('idempotency_key_reused')
    await t.run(transfer(payer, payee, '1', { key: 'other' }))
    expect(code(await t.run(issueToken(payer, payee, '1', { key: 'other' })))).toBe('idempotency_key_reused')
  })

  test('two issues of one batch share what is there', async () => {
    const [payer, payee] = await pair()
    const outcomes = await t.client.commands(call, [
      issueToken(payer, payee, '6'),
      issueToken(payer, payee, '6'),
      transfer(payer, payee, '4.000001'),
      transfer(payer, payee, '4'),
    ])
    expect(outcomes.map(code)).toEqual(['ok', 'insufficient_funds', 'insufficient_funds', 'ok'])
    expect(outcomes[3]?.transfer?.balance_after).toBe('0')
    expect(await balance(payer)).toMatchObject({ available: '0', held: '6', total: '6' })
  })

  test("counts for the key's daily limit when it is issued", async () => {
    const [payer, payee] = await pair()
    const limits = { key_id: newAgent(), per_transfer: null, per_day: '3', allowed_payees: null }
    expect(code(await t.run(issueToken(payer, payee, '2', { limits })))).toBe('ok')
    expect(code(await t.run(transfer(payer, payee, '1.5', { limits })))).toBe('limit_exceeded')
  })
})

describe('redeem', () => {
  test('pays the payee once, with the fee of the newest snapshot; the rest is released', async () => {
    const [payer, payee] = await pair()
    const id = await issue(payer, payee, '4')
    const command = redeemToken(payee, id, '3', { memo: 'thanks' })
    const done = await t.run(command)
    expect(done).toMatchObject({
      ok: true,
      payment: { id, status: 'redeemed', redeemed_amount: '3', transfer_id: done.transfer?.id },
      transfer: {
        from_agent: payer,
        to_agent: payee,
        amount: '3',
        fee: '0.015',
        net: '2.985',
        memo: 'thanks',
      },
    })
    expect(done.transfer?.balance_after).toBeUndefined()
    expect(await balance(payer)).toMatchObject({ available: '7', held: '0', total: '7' })
    expect(await t.run(command)).toEqual({ ...done, replayed: true })
    expect(code(await t.run(redeemToken(payee, id)))).toBe('token_redeemed')
    const page = await t.client.statement(call, payee, { limit: 1 })
    expect(page?.items[0]).toMatchObject({ kind: 'payment', direction: 'in', amount: '2.985' })
  })

  test('can be paid back as a transfer can', async () => {
    const [payer, payee] = await pair()
    const done = await t.run(redeemToken(payee, await issue(payer, payee, '4')))
    const back = await t.run(refund(payee, done.transfer?.id as string, null))
    expect(back.transfer).toMatchObject({ amount: '3.98', to_agent: payer })
  })

  test('with one key for two tokens is refused; the first stands', async () => {
    const [payer, payee] = await pair()
    const [one, two] = [await issue(payer, payee, '1'), await issue(payer, payee, '1')]
    await t.run(redeemToken(payee, one, null, { key: 'k' }))
    expect(code(await t.run(redeemToken(payee, two, null, { key: 'k' })))).toBe('idempotency_key_reused')
  })

  test('two of one batch have one winner, and a cancellation before them beats both', async () => {
    const [payer, payee] = await pair()
    const [one, two] = [await issue(payer, payee, '1'), await issue(payer, payee, '1')]
    const outcomes = await t.client.commands(call, [
      redeemToken(payee, one),
      redeemToken(payee, one),
      cancelToken(payer, one),
      cancelToken(payer, two),
      redeemToken(payee, two),
      cancelToken(payer, two),
    ])
    expect(outcomes.map(code)).toEqual([
      'ok',
      'token_redeemed',
      'token_redeemed',
      'ok',
      'token_cancelled',
      'ok',
    ])
    expect(outcomes.map((outcome) => outcome.replayed)).toEqual([false, false, false, false, false, true])
    expect(outcomes[5]?.payment?.status).toBe('cancelled')
  })
})

describe('expiry', () => {
  test('is judged by the clock of the gate: no sweep is needed, and none that is late can be seen', async () => {
    const [payer, payee] = await pair()
    const id = await issue(payer, payee, '8', 60)
    t.clock.advance(59_999)
    expect(code(await t.run(transfer(payer, payee, '3')))).toBe('insufficient_funds')
    t.clock.advance(1)
    expect(await balance(payer)).toMatchObject({ available: '10', held: '0' })
    expect(await t.client.payment(call, id)).toMatchObject({ status: 'expired' })
    expect(code(await t.run(redeemToken(payee, id)))).toBe('token_expired')
    expect(code(await t.run(cancelToken(payer, id)))).toBe('token_expired')
    expect((await t.client.expiredPayments(call, 10)).items).toEqual([{ token_id: id, payer_agent: payer }])
    expect(code(await t.run(transfer(payer, payee, '3')))).toBe('ok')
    expect((await t.client.expiredPayments(call, 10)).items).toEqual([])
    expect(await t.run(expireToken(payer, id))).toMatchObject({
      ok: true,
      replayed: true,
      payment: { status: 'expired' },
    })
    expect(await findFaults(t.db)).toEqual([])
  })

  test('the void of a hold has a lower number than the transfer that needed its funds', async () => {
    const [payer, payee] = await pair()
    await issue(payer, payee, '8', 1)
    t.clock.advance(1000)
    const { transfer: made } = await t.run(transfer(payer, payee, '9'))
    const rows = await t.db.query<{ rises: boolean }>(
      `select s.seq < teg.seq_of($2::uuid) as rises from teg.token_steps s where s.payer = $1 and s.status = 4`,
      [payer, made?.id],
    )
    expect(rows).toEqual([{ rises: true }])
  })

  test('of one that is not due leaves it as it is; of one that is due voids it', async () => {
    const [payer, payee] = await pair()
    const id = await issue(payer, payee, '8', 60)
    expect(await t.run(expireToken(payer, id))).toMatchObject({
      replayed: true,
      payment: { status: 'active' },
    })
    t.clock.advance(60_000)
    expect(await t.run(expireToken(payer, id))).toMatchObject({
      replayed: false,
      payment: { status: 'expired' },
    })
    expect(await t.run(expireToken(payer, id))).toMatchObject({
      replayed: true,
      payment: { status: 'expired' },
    })
    expect(code(await t.run(expireToken(payee, id)))).toBe('not_found')
  })

  test('an account with holds cannot be closed; one whose holds are due can', async () => {
    const [payer, payee] = await pair()
    await issue(payer, payee, '8', 60)
    expect(code(await t.run(setStatus(payer, 2, 'closed', payee)))).toBe('agent_not_empty')
    t.clock.advance(60_000)
    expect((await t.run(setStatus(payer, 2, 'closed', payee))).transfer?.amount).toBe('10')
    expect(await findFaults(t.db)).toEqual([])
  })
})
