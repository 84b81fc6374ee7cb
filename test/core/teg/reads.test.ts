/** What the ledger shows: balances now and then, statements, transfers, supply, treasury, fees, outbox, postings. */
import { describe, expect, test } from 'vitest'
import type { Outcome, Transfer } from '#core/wire/teg.ts'
import {
  anyCall,
  didOf,
  grant,
  newAgent,
  openAccount,
  refund,
  setStatus,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const t = await startTeg()
const call = anyCall()
const start = t.clock.now()
const rich = await t.open('100')
const poor = await t.open()
const outcomes: Outcome[] = []
for (let i = 0; i < 10; i++) {
  t.clock.advance(1000)
  outcomes.push(await t.run(transfer(rich, didOf(poor), '1', { memo: `no. ${i}`, reference: `r${i}` })))
}
const richest = await t.open('9007199254.740991')
await t.run(grant(richest, '1'))
const shown = (outcomes[0] as Outcome).transfer as Transfer
const at = (seconds: number) => new Date(start.getTime() + seconds * 1000).toISOString()

describe('transfer', () => {
  test('answers the whole Transfer with fee, net, both parties and the balance of the payer after it', () => {
    expect(outcomes[0]).toEqual({
      ok: true,
      replayed: false,
      error: null,
      transfer: {
        id: expect.any(String),
        status: 'completed',
        route: 'local',
        from_agent: rich,
        from_did: didOf(rich),
        to_agent: poor,
        to_did: didOf(poor),
        amount: '1',
        fee: '0.005',
        net: '0.995',
        fee_rate: '0.005',
        memo: 'no. 0',
        reference: 'r0',
        failure_code: null,
        refund_of: null,
        created_at: at(1),
        completed_at: at(1),
        balance_after: '99',
      },
    })
  })

  test('is read by id without balance_after, and null for an unknown id, a refusal and a grant', async () => {
    const { balance_after: _, ...rest } = shown
    expect(await t.client.transfer(call, outcomes[0]?.transfer?.id as string)).toEqual(rest)
    expect(await t.client.transfer(call, newAgent())).toBeNull()
    const granted = (await t.client.statement(call, rich, { limit: 200 }))?.items.at(-1)
    expect(granted).toMatchObject({ kind: 'genesis_grant', direction: 'in', amount: '100', sequence: 1 })
    expect(await t.client.transfer(call, granted?.transfer_id as string)).toBeNull()
  })

  test.each([
    ['0.0001', '0.000001'],
    ['0.0002', '0.000001'],
    ['0.000201', '0.000002'],
    ['9007199254.740991', '45035996.273705'],
  ])('of %s AVT costs %s AVT', async (amount, fee) => {
    const { transfer: made } = await t.run(transfer(richest, await t.open(), amount))
    expect(made?.fee).toBe(fee)
  })
})

describe('balance', () => {
  test('of an agent without account is null', async () => {
    expect(await t.client.balance(call, newAgent())).toBeNull()
  })
  test.each([
    [-1, '0', '0'],
    [0, '100', '0'],
    [1, '99', '0.995'],
    [4.5, '96', '3.98'],
    [10, '90', '9.95'],
    [9999, '90', '9.95'],
  ])('at %s s after the start is what it was then', async (seconds, payer, payee) => {
    expect((await t.client.balance(call, rich, at(seconds)))?.available).toBe(payer)
    expect((await t.client.balance(call, poor, at(seconds)))?.total).toBe(payee)
  })
})

describe('statement', () => {
  test('pages newest first by dense sequence, and its legs add up to the balance', async () => {
    const items = []
    let cursor: string | undefined
    do {
      const page = await t.client.statement(call, rich, { limit: 3, ...(cursor ? { cursor } : {}) })
      items.push(...(page?.items ?? []))
      cursor = page?.next_cursor ?? undefined
    } while (cursor)
    expect(items.map((item) => item.sequence)).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1])
    expect(items[0]).toMatchObject({
      amount: '1',
      fee: '0.005',
      direction: 'out',
      counterparty_did: didOf(poor),
      balance_after: '90',
    })
    const sum = items.reduce(
      (total, item) => total + Number(item.amount) * (item.direction === 'in' ? 1 : -1),
      0,
    )
    expect(sum).toBe(90)
    expect(new Set(items.map((item) => item.id)).size).toBe(11)
  })
  test('from and to include their moments', async () => {
    const page = await t.client.statement(call, poor, { from: at(3), to: at(5), limit: 50 })
    expect(page?.items.map((item) => item.sequence)).toEqual([5, 4, 3])
    const none = await t.client.statement(call, poor, { from: at(50), limit: 50 })
    expect(none?.items).toEqual([])
  })
  test('refuses the cursor of another agent with 400 cursor_mismatch', async () => {
    const page = await t.client.statement(call, rich, { limit: 1 })
    await expect(
      t.client.statement(call, poor, { limit: 1, cursor: page?.next_cursor as string }),
    ).rejects.toMatchObject({ status: 400, code: 'cursor_mismatch' })
  })
})

describe('transfers', () => {
  const search = (more: object) =>
    t.client.transfers(call, { agents: null, direction: null, status: null, limit: 4, cursor: null, ...more })
  test('of several agents come once each, newest first, over all pages', async () => {
    const ids: string[] = []
    let cursor: string | null = null
    do {
      const page = await search({ agents: [rich, poor], cursor })
      ids.push(...page.items.map((item) => item.id))
      cursor = page.next_cursor
    } while (cursor)
    expect(ids).toEqual(outcomes.map((outcome) => outcome.transfer?.id).reverse())
  })
  test('are filtered by direction and status', async () => {
    expect((await search({ agents: [poor], direction: 'out' })).items).toEqual([])
    expect((await search({ agents: [poor], direction: 'in' })).items).toHaveLength(4)
    expect((await search({ agents: [poor], status: 'failed' })).items).toEqual([])
  })
})

describe('supply', () => {
  test('holds issued - destroyed + transit_net == circulating, with fees in the treasury', async () => {
    const supply = await t.client.supply(call)
    expect(supply.tokens_circulating).toBe(supply.tokens_issued)
    expect(supply).toMatchObject({ tokens_destroyed: '0', transit_net: '0', holds: '0' })
    const treasury = await t.client.treasury(call)
    expect(treasury.balance).toBe(treasury.fees_collected)
    expect(Number(treasury.balance)).toBeGreaterThanOrEqual(0.05)
  })
})

describe('fees', () => {
  test('come into force once per version; a lower version is ignored', async () => {
    const first = await t.client.fees(call)
    expect(first).toMatchObject({
      id: '1',
      settings_version: -1,
      base_rate: '0.005',
      effective_rate: '0.005',
    })
    const posting = { settings_version: 7, base_rate: '0.01', effective_rate: '0.02' }
    const after = await t.client.postFees(call, posting)
    expect(after).toMatchObject({ ...posting })
    expect(await t.client.postFees(call, posting)).toEqual(after)
    expect(await t.client.postFees(call, { ...posting, settings_version: 6, base_rate: '0.05' })).toEqual(
      after,
    )
    const { transfer: made } = await t.run(transfer(rich, poor, '1'))
    expect(made).toMatchObject({ fee_rate: '0.02', fee: '0.02' })
    const quote = { matches: true, fee_snapshot: first.id, valid_until: at(9999) }
    const quoted = await t.run(transfer(rich, poor, '1', { quote }))
    expect(quoted.transfer).toMatchObject({ fee_rate: '0.005', fee: '0.005' })
  })
  test.each([['0.004999'], ['0.050001'], ['0']])('refuses %s with 422 out_of_bounds', async (rate) => {
    await expect(
      t.client.postFees(call, { settings_version: 9, base_rate: rate, effective_rate: '0.005' }),
    ).rejects.toMatchObject({ status: 422, code: 'out_of_bounds' })
  })
})

describe('refund', () => {
  test('without amount pays back what is left, without fee, in parts of one batch', async () => {
    const [payer, payee] = [await t.open('10'), await t.open('1')]
    const paid = await t.run(transfer(payer, payee, '10'))
    const id = paid.transfer?.id as string
    const done = await t.client.commands(call, [
      refund(payee, id, '3'),
      refund(payee, id, '6.9'),
      refund(payee, id, null),
    ])
    expect(paid.transfer?.net).toBe('9.8')
    expect(done.map((outcome) => outcome.transfer?.amount ?? outcome.error?.code)).toEqual([
      '3',
      'refund_exceeds',
      '6.8',
    ])
    expect(done[0]?.transfer).toMatchObject({
      fee: '0',
      fee_rate: '0',
      refund_of: id,
      from_agent: payee,
      to_agent: payer,
    })
    expect((await t.run(refund(payee, id, null))).error?.code).toBe('refund_exceeds')
    expect(await t.available(payee)).toBe('1')
  })
})

describe('status', () => {
  test('closing moves the balance without fee; a lower sequence, or an equal one with another status, is ignored', async () => {
    const [leaver, heir] = [await t.open('5'), await t.open()]
    const closed = await t.run(setStatus(leaver, 3, 'closed', didOf(heir)))
    expect(closed).toMatchObject({
      ok: true,
      replayed: false,
      transfer: { amount: '5', fee: '0', to_agent: heir },
    })
    expect(await t.available(heir)).toBe('5')
    expect(await t.run(setStatus(leaver, 3, 'closed', heir))).toMatchObject({ ok: true, replayed: true })
    expect(await t.run(setStatus(leaver, 2, 'open'))).toMatchObject({ ok: true, replayed: true })
    expect(await t.run(setStatus(leaver, 3, 'open'))).toMatchObject({ ok: true, replayed: true })
    expect((await t.run(transfer(heir, leaver, '1'))).error?.code).toBe('agent_not_active')
    expect(await t.run(setStatus(heir, 2, 'frozen'))).toMatchObject({ ok: true, replayed: false })
    expect(await t.run(setStatus(heir, 3, 'open'))).toMatchObject({ ok: true, replayed: false })
    expect((await t.run(transfer(heir, rich, '1'))).ok).toBe(true)
  })
})

describe('grant', () => {
  test('of a developer comes once, however often it is asked for', async () => {
    const agent = newAgent()
    await t.run(openAccount(agent))
    const command = grant(agent, '7')
    const done = await t.run(command)
    expect(done.grant).toEqual({
      transfer_id: expect.any(String),
      agent,
      developer: command.developer,
      amount: '7',
    })
    expect(await t.run({ ...command, amount: '8' })).toEqual({ ...done, replayed: true })
    expect(await t.available(agent)).toBe('7')
  })
})

describe('outbox and postings', () => {
  test('number the events without gap, the same at every reading, and page', async () => {
    const whole = await t.client.outbox(call, 0, 1000)
    expect(whole.incarnation).toMatch(/^[0-9a-f-]{36}$/)
    expect(whole.items.map((item) => item.number)).toEqual(whole.items.map((_, i) => i + 1))
    const paged = [
      ...(await t.client.outbox(call, 0, 5)).items,
      ...(await t.client.outbox(call, 5, 1000)).items,
    ]
    expect(paged).toEqual(whole.items)
    const { balance_after: _, ...data } = shown
    expect(whole.items.find((item) => item.id === data.id)).toMatchObject({
      type: 'transfer.completed',
      subject: `transfers/${data.id}`,
      data,
      parties: [rich, poor],
    })
    expect(whole.items[0]).toMatchObject({ type: 'genesis.granted', data: { agent: rich, amount: '100' } })
  })
  test('postings sum to zero for each movement and end in the balances', async () => {
    const legs = []
    let cursor: string | undefined
    do {
      const page = await t.client.postings(call, { limit: 7, ...(cursor ? { cursor } : {}) })
      legs.push(...page.items)
      cursor = page.next_cursor ?? undefined
    } while (cursor)
    expect(new Set(legs.map((leg) => leg.sequence)).size).toBe(legs.length)
    const sums = new Map<string, bigint>()
    for (const leg of legs) {
      const micro = BigInt(Math.round(Number(leg.amount) * 1_000_000))
      sums.set(leg.transfer_id, (sums.get(leg.transfer_id) ?? 0n) + micro)
    }
    const rows = await t.db.query<{ legs: bigint; off: bigint }>(
      `select count(*) as legs, count(*) filter (where s.total <> 0) as off from (
         select sum(p.amount) over (partition by p.transfer_id) as total from teg.postings p) s`,
    )
    expect(rows[0]).toEqual({ legs: BigInt(legs.length), off: 0n })
    expect(legs.filter((leg) => leg.account === rich).at(-1)?.balance_after).toBe(await t.available(rich))
  })
})
