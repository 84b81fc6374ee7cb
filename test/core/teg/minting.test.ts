/** Minting and burning: only with authority, given by the configuration and held by the database; the supply stays exact. */
import { describe, expect, test } from 'vitest'
import { silentLog } from '#core/platform/log.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import {
  anyCall,
  burn,
  didOf,
  issueToken,
  mint,
  newAgent,
  setStatus,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const on = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
const off = await startTeg()
const call = anyCall()
const code = (outcome: Outcome | undefined) => outcome?.error?.code ?? 'ok'
const metaOf = async (t: typeof on) =>
  (
    await t.db.query<{ minting: boolean; ever_minted: boolean }>('select minting, ever_minted from teg.meta')
  )[0]

describe('without minting authority', () => {
  test('mint and burn are refused with minting_disabled, and their keys stay free', async () => {
    const agent = await off.open('5')
    for (const command of [mint(agent, '1'), mint(null, '1'), burn(agent, '1'), burn(null, '1')]) {
      const outcome = await off.run(command)
      expect(outcome).toMatchObject({ ok: false, replayed: false, error: { code: 'minting_disabled' } })
      expect(await off.run(command)).toEqual(outcome)
    }
    expect(await metaOf(off)).toEqual({ minting: false, ever_minted: false })
  })

  test('a gate that is told otherwise is held by the database, and so is who writes past the gate', async () => {
    const agent = await off.open('5')
    const gate = openGate({ db: off.db, clock: off.clock, newId: newAgent, log: silentLog, minting: true })
    expect(code((await gate.post([Command.parse(mint(agent, '1'))]))[0])).toBe('minting_disabled')
    const write = (account: string, amount: number) =>
      off.db.query(
        `insert into teg.system_deltas (seq, account, amount, created_at) values (1, '${account}', ${amount}, clock_timestamp())`,
      )
    await expect(write('issuance', -5)).rejects.toThrow('no minting authority')
    await expect(write('destruction', 5)).rejects.toThrow('no minting authority')
  })
})

describe('with minting authority', () => {
  test('an agent is minted to once for a key, and it stands in statement, supply and events', async () => {
    const agent = await on.open('5')
    const before = await on.client.supply(call)
    const command = mint(didOf(agent), '2.5', { memo: 'seed' })
    const done = await on.run(command)
    expect(done).toEqual({
      ok: true,
      replayed: false,
      balance_after: '7.5',
      transfer: null,
      error: null,
      supply_change: {
        transfer_id: expect.any(String),
        agent,
        amount: '2.5',
        created_at: on.clock.now().toISOString(),
      },
    })
    expect(await on.run(command)).toEqual({ ...done, replayed: true })
    expect(code(await on.run({ ...mint(agent, '3'), key: command.key }))).toBe('idempotency_key_reused')
    expect(await on.available(agent)).toBe('7.5')
    const page = await on.client.statement(call, agent, { limit: 1 })
    expect(page?.items[0]).toMatchObject({ kind: 'mint', direction: 'in', amount: '2.5' })
    const after = await on.client.supply(call)
    expect(Number(after.tokens_issued) - Number(before.tokens_issued)).toBe(2.5)
    expect((await on.client.outbox(call, 0, 1000)).items.at(-1)).toMatchObject({
      type: 'supply.minted',
      data: { transfer_id: done.supply_change?.transfer_id, agent, amount: '2.5', memo: 'seed' },
      parties: null,
    })
    expect(await on.client.transfer(call, done.supply_change?.transfer_id as string)).toBeNull()
    expect(await metaOf(on)).toEqual({ minting: true, ever_minted: true })
    await expect(on.db.query('update teg.meta set ever_minted = false')).rejects.toThrow('never taken back')
  })

  test('the treasury is minted to and burned from: never beyond what it holds, fees of the same batch included', async () => {
    const [agent, other] = [await on.open('1000'), await on.open()]
    const start = await on.client.treasury(call)
    const have = Number(start.balance)
    const outcomes = await on.client.commands(call, [
      burn(null, String(have + 0.000001)),
      mint(null, '3'),
      transfer(agent, other, '200'),
      burn(null, (have + 4.000001).toFixed(6)),
      burn(null, (have + 4).toFixed(6)),
      burn(null, '0.000001'),
    ])
    expect(outcomes.map(code)).toEqual([
      'insufficient_funds',
      'ok',
      'ok',
      'insufficient_funds',
      'ok',
      'insufficient_funds',
    ])
    const treasury = await on.client.treasury(call)
    expect(treasury.balance).toBe('0')
    expect(Number(treasury.fees_collected)).toBeCloseTo(Number(start.fees_collected) + 1, 6)
    expect(await findFaults(on.db)).toEqual([])
  })

  test('an agent is burned from, suspended ones too, but not what it holds for a token', async () => {
    const [agent, other] = [await on.open('5'), await on.open()]
    await on.run(issueToken(agent, other, '2'))
    expect(code(await on.run(burn(agent, '3.000001')))).toBe('insufficient_funds')
    await on.run(setStatus(agent, 2, 'frozen'))
    expect(code(await on.run(mint(agent, '1')))).toBe('agent_not_active')
    const done = await on.run(burn(agent, '3'))
    expect(done.supply_change).toMatchObject({ agent, amount: '3' })
    const page = await on.client.statement(call, agent, { limit: 1 })
    expect(page?.items[0]).toMatchObject({ kind: 'burn', direction: 'out', amount: '3', balance_after: '2' })
    expect((await on.client.supply(call)).tokens_destroyed).not.toBe('0')
    const listed = await on.client.transfers(call, {
      agents: [agent],
      direction: null,
      status: null,
      limit: 10,
      cursor: null,
    })
    expect(listed.items).toEqual([])
    expect(await findFaults(on.db)).toEqual([])
  })

  test('amounts that no account can take fail alone; a batch of the largest amounts overflows nothing', async () => {
    const agent = await on.open()
    const most = '9007199254.740991'
    const outcomes = await on.client.commands(
      call,
      Array.from({ length: 1100 }, (_, i) => mint(i % 2 ? agent : null, most)),
    )
    expect(outcomes.every((outcome) => outcome.ok)).toBe(true)
    const more = await on.client.commands(call, [
      ...Array.from({ length: 500 }, () => mint(agent, most)),
      mint(null, '1'),
    ])
    expect(new Set(more.slice(0, 500).map(code))).toEqual(new Set(['ok', 'amount_out_of_range']))
    expect(code(more[500])).toBe('ok')
    const supply = await on.client.supply(call)
    expect(BigInt(supply.tokens_circulating.replace('.', ''))).toBeGreaterThan(9_223_372_036_854_775_807n)
    expect(await findFaults(on.db)).toEqual([])
  })

  test('the authority ends with the next start that does not have it', async () => {
    await on.db.query('update teg.meta set minting = false')
    expect(code(await on.run(mint(null, '1')))).toBe('minting_disabled')
    await on.db.query('update teg.meta set minting = true')
  })

  test('postings of issuance and destruction sum to zero', async () => {
    let cursor: string | undefined
    const sums = new Map<string, bigint>()
    do {
      const page = await on.client.postings(call, { limit: 200, ...(cursor ? { cursor } : {}) })
      for (const leg of page.items) {
        const [whole, part = ''] = leg.amount.replace('-', '').split('.') as [string, string?]
        const micro = BigInt(whole + part.padEnd(6, '0')) * (leg.amount.startsWith('-') ? -1n : 1n)
        sums.set(leg.transfer_id, (sums.get(leg.transfer_id) ?? 0n) + micro)
      }
      cursor = page.next_cursor ?? undefined
    } while (cursor)
    expect([...sums.values()].filter((sum) => sum !== 0n)).toEqual([])
    expect(sums.size).toBeGreaterThan(1100)
  })
})
