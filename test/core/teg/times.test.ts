/** Times of the ledger: an account's never go back, whatever the clock does, and a moment is the whole of its millisecond. */
import { describe, expect, test } from 'vitest'
import { silentLog } from '#core/platform/log.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { withMethods } from '#test/support/database.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import {
  anyCall,
  cancelToken,
  grant,
  issueToken,
  newAgent,
  openAccount,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const t = await startTeg()
const call = anyCall()
const DAY = '2026-11-24T12'

/** A gate whose server reads such a time from its clock, to the microsecond. */
function gateAt(short: boolean) {
  let now = ''
  const db = withMethods(t.db, {
    query: (text, params, options) => {
      const timed = /teg.apply_(transfers|commands)/.test(text) ? [now, ...(params ?? []).slice(1)] : params
      return t.db.query(text, timed, options)
    },
  })
  const gate = openGate({ db, clock: { fixed: null }, newId: newAgent, log: silentLog, short })
  return async (time: string, command: object): Promise<Outcome> => {
    now = time
    return (await gate.post([Command.parse(command)]))[0] as Outcome
  }
}

async function openPair(): Promise<[string, string]> {
  const [payer, payee] = [newAgent(), newAgent()]
  await t.client.commands(call, [openAccount(payer), openAccount(payee), grant(payer, '50')])
  return [payer, payee]
}

const timesOf = async (agent: string) =>
  (await t.client.statement(call, agent, { limit: 200 }))?.items.map(({ created_at: at }) => at).toReversed()

describe.each([
  ['short', true],
  ['long', false],
])('on the %s way', (_words, short) => {
  test.each([
    ['in the middle of a millisecond', `${DAY}:00:05.123456Z`],
    ['at its begin', `${DAY}:00:05.123000Z`],
    ['at its end', `${DAY}:00:05.123999Z`],
  ])('a leg %s belongs to the moment that is shown for it, and to none before', async (_when, time) => {
    const [payer, payee] = await openPair()
    const made = await gateAt(short)(time, transfer(payer, payee, '2'))
    const shown = made.transfer?.created_at as string
    expect(shown).toBe(`${DAY}:00:05.123Z`)
    const before = new Date(Date.parse(shown) - 1).toISOString()
    const after = new Date(Date.parse(shown) + 1).toISOString()
    const balances = await Promise.all([before, shown, after].map((at) => t.client.balance(call, payee, at)))
    expect(balances.map((balance) => balance?.available)).toEqual(['0', '1.99', '1.99'])
    const ranges = [
      { to: before },
      { to: shown },
      { from: shown },
      { from: shown, to: shown },
      { from: after },
    ]
    const pages = await Promise.all(
      ranges.map((range) => t.client.statement(call, payee, { limit: 10, ...range })),
    )
    expect(pages.map((page) => page?.items.length)).toEqual([0, 1, 1, 1, 0])
  })

  test('a clock that is put back gives no leg a time before the ones that its account has had', async () => {
    const [payer, payee] = await openPair()
    const other = newAgent()
    await t.client.commands(call, [openAccount(other), grant(other, '50')])
    const run = gateAt(short)
    const clock = ['10.000', '12.500', '10.001', '11.000', '12.499', '12.600', '9.000'].map(
      (s) => `${DAY}:10:${s.padStart(6, '0')}Z`,
    )
    for (const time of clock) await run(time, transfer(payer, payee, '1'))
    const rising = ['10.000', '12.500', '12.500', '12.500', '12.500', '12.600', '12.600'].map(
      (s) => `${DAY}:10:${s}Z`,
    )
    expect((await timesOf(payer))?.slice(1)).toEqual(rising)
    expect(await timesOf(payee)).toEqual(rising)
    // Another account has its own time until it meets one that is ahead.
    const early = await run(`${DAY}:10:09.000Z`, transfer(other, payer, '1'))
    expect(early.transfer?.created_at).toBe(`${DAY}:10:12.600Z`)
    const page = await t.client.statement(call, payee, {
      limit: 10,
      from: `${DAY}:10:12.500Z`,
      to: `${DAY}:10:12.500Z`,
    })
    expect(page?.items).toHaveLength(4)
    expect((await t.client.balance(call, payee, `${DAY}:10:12.499Z`))?.available).toBe('0.995')
    expect((await t.client.balance(call, payee, `${DAY}:10:12.500Z`))?.available).toBe('4.975')
  })

  test('accounts whose times differ meet at the later one, and are refused at it as well', async () => {
    const [payer, payee] = await openPair()
    const [ahead, poor] = await openPair()
    const run = gateAt(short)
    await run(`${DAY}:20:30.000Z`, transfer(ahead, poor, '1'))
    const refused = await run(`${DAY}:20:10.000Z`, transfer(poor, payee, '40'))
    expect(refused.error?.code).toBe('insufficient_funds')
    const paid = await run(`${DAY}:20:11.000Z`, transfer(payer, poor, '1'))
    expect(paid.transfer?.created_at).toBe(`${DAY}:20:30.000Z`)
    const [row] = await t.db.query<{ at: Date }>(
      `select m.created_at as at from teg.transfers m where m.code is not null order by m.seq desc limit 1`,
    )
    expect(row?.at.toISOString()).toBe(`${DAY}:20:30.000Z`)
  })

  test('a hold that was seen to be over stays so when the clock is put back', async () => {
    const [payer, payee] = await openPair()
    const run = gateAt(short)
    const held = await run(`${DAY}:30:00.000Z`, issueToken(payer, payee, '45', { expires_in: 60 }))
    expect(held.payment?.status).toBe('active')
    expect((await run(`${DAY}:30:59.000Z`, transfer(payer, payee, '40'))).error?.code).toBe(
      'insufficient_funds',
    )
    expect((await run(`${DAY}:31:00.000Z`, transfer(payer, payee, '40'))).ok).toBe(true)
    const again = await run(`${DAY}:30:30.000Z`, cancelToken(payer, held.payment?.id as string))
    expect(again.error?.code).toBe('token_expired')
  })
})

test('and nothing of it is a fault', async () => {
  expect(await findFaults(t.db)).toEqual([])
})
