/** Batches of the gate's short way that go as foreseen, and those that do not. */
import { expect, test } from 'vitest'
import { silentLog } from '#core/platform/log.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { Command } from '#core/wire/teg.ts'
import { withMethods } from '#test/support/database.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { openTwins, post } from '#test/support/ledger/twins.ts'
import { issueToken, newAgent, setStatus, startTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg()
const { calls, went, openTwin } = openTwins(t)

test('a batch that goes as foreseen, and the next one, judged by another rate than was known', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  await post(gate, transfer(from, to, '1'))
  Object.assign(went, { foreseen: 0, inTurn: 0 })
  expect((await post(gate, transfer(from, to, '1'))).transfer).toMatchObject({
    fee: '0.005',
    balance_after: '3',
  })
  await t.db.query(
    `insert into teg.fee_snapshots (settings_version, base_ppm, effective_ppm, created_at)
     select max(s.settings_version) + 1, 10000, 10000, clock_timestamp() from teg.fee_snapshots s`,
  )
  try {
    expect((await post(gate, transfer(from, to, '1'))).transfer).toMatchObject({
      fee: '0.01',
      balance_after: '2',
    })
    expect((await post(gate, transfer(from, to, '1'))).transfer).toMatchObject({
      fee: '0.01',
      balance_after: '1',
    })
  } finally {
    await t.db.query(
      `insert into teg.fee_snapshots (settings_version, base_ppm, effective_ppm, created_at)
       select max(s.settings_version) + 1, 5000, 5000, clock_timestamp() from teg.fee_snapshots s`,
    )
  }
  expect(went).toEqual({ foreseen: 2, inTurn: 1 })
  expect(await findFaults(t.db)).toEqual([])
})

test('what a payee gets first can be spent later in the batch; one refused transfer leaves its neighbours as they were', async () => {
  const { agents, gate } = await openTwin(true)
  const [first, second, third] = agents as [string, string, string]
  await post(gate, transfer(first, second, '0.1'))
  Object.assign(went, { foreseen: 0, inTurn: 0 })
  const run = async (...pays: [string, string, string][]) =>
    (await gate.post(pays.map(([from, to, amount]) => Command.parse(transfer(from, to, amount))))).map(
      ({ error, transfer: done }) => error?.code ?? done?.balance_after,
    )
  // 4.9 and 5.0995 AVT: the second payer can pay 9 only after it was paid 4.
  expect(await run([first, second, '4'], [second, third, '9'])).toEqual(['0.9', '0.0795'])
  expect(went).toEqual({ foreseen: 1, inTurn: 0 })
  expect(await run([second, third, '1'], [first, second, '0.5'], [second, first, '0.5'])).toEqual([
    'insufficient_funds',
    '0.4',
    '0.077',
  ])
  expect(await run([first, first, '0.1'], [third, first, '1'])).toEqual(['same_agent', '12.955'])
  expect(went).toEqual({ foreseen: 1, inTurn: 2 })
  expect(await findFaults(t.db)).toEqual([])
})

test('what is held can not be foreseen as paid; a payer with holds is told what it has left beside them', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  await post(gate, transfer(from, to, '0.1'))
  expect((await post(gate, issueToken(from, to, '2'))).ok).toBe(true)
  Object.assign(went, { foreseen: 0, inTurn: 0 })
  expect((await post(gate, transfer(from, to, '3'))).error?.code).toBe('insufficient_funds')
  expect(went).toEqual({ foreseen: 0, inTurn: 1 })
  // What it gets first in the batch it can spend, and the sum of its balance would bear more than that.
  const outcomes = await gate.post(
    [transfer(from, to, '2.9'), transfer(from, to, '0.5'), transfer(to, from, '1')].map((command) =>
      Command.parse(command),
    ),
  )
  expect(outcomes.map(({ error, transfer: done }) => error?.code ?? done?.balance_after)).toEqual([
    '0',
    'insufficient_funds',
    '6.985',
  ])
  expect((await post(gate, transfer(from, to, '0.5'))).transfer).toMatchObject({ balance_after: '0.495' })
  expect(went).toEqual({ foreseen: 1, inTurn: 2 })
  expect(await findFaults(t.db)).toEqual([])
})

type Pair = readonly [string, string]
const pays = ([from, to]: Pair, amount: string) => transfer(from, to, amount)
const isPaid = ([to, from]: Pair, amount: string) => transfer(from, to, amount)
const holds = ([from, to]: Pair) => issueToken(from, to, '1')
const freezes = ([agent]: Pair) => setStatus(agent, 1, 'frozen')
const rivals = [
  ['pays', 'ok', 'pays', pays, pays],
  ['pays', 'ok', 'is paid', pays, isPaid],
  ['is paid', 'ok', 'pays', isPaid, pays],
  ['is paid', 'ok', 'is paid', isPaid, isPaid],
  ['pays', 'ok', 'holds funds', pays, holds],
  ['pays', 'agent_not_active', 'is frozen', pays, freezes],
  ['is paid', 'agent_not_active', 'is frozen', isPaid, freezes],
] as const satisfies [string, string, string, typeof pays, (pair: Pair, amount: string) => object][]

test.skipIf(t.db.kind !== 'pg').each(rivals)(
  'a batch in which an account %s (%s) and that drew its number before it %s in another stands behind that in the ledger',
  async (_mine, code, _others, mine, rival) => {
    const { agents, gate } = await openTwin(true)
    const [from, to, third] = agents as [string, string, string]
    await post(gate, transfer(from, to, '0.1'))
    const locked = Promise.withResolvers<number>()
    const waits = Promise.withResolvers<void>()
    const rivalDone = t.db.transaction(async (tx) => {
      const [session] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await tx.query('select from teg.accounts a where a.id = $1::uuid for update', [from])
      locked.resolve(session?.pid as number)
      await waits.promise
      const db = withMethods(t.db, { query: (text, params) => tx.query(text, params) })
      const other = openGate({ db, clock: t.clock, newId: newAgent, log: silentLog })
      expect((await post(other, rival([from, third], '1'))).ok).toBe(true)
      const [row] = await tx.query<{ last: bigint }>('select s.last_value as last from teg.ledger_seq s')
      return row?.last as bigint
    })
    const pid = await locked.promise
    const waiting = post(gate, mine([from, to], '2'))
    await expect
      .poll(() =>
        t.db.query('select from pg_stat_activity s where $1 = any (pg_blocking_pids(s.pid))', [pid]),
      )
      .toHaveLength(1)
    waits.resolve()
    const last = await rivalDone
    const outcome = await waiting
    expect(outcome.error?.code ?? 'ok').toBe(code)
    const [row] = await t.db.query<{ seq: bigint }>(
      'select max(m.seq) as seq from teg.transfers m where array[m.from_agent, m.to_agent] = $1::uuid[]',
      [mine([from, to], '2')].map(({ from_agent, to_agent }) => [from_agent, to_agent]),
    )
    expect(row?.seq).toBe(last + 5000n)
    expect(await findFaults(t.db)).toEqual([])
  },
)

test('a payee whose account is nearly full is paid only what it can take', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  await post(gate, transfer(from, to, '0.1'))
  const stake = (text: string) => t.db.query(`update teg.accounts set staked = ${text} where id = $1`, [to])
  await stake('9223372036854775807 - balance - 1000000')
  try {
    expect((await post(gate, transfer(from, to, '1.000001'))).error?.code).toBe('amount_out_of_range')
    expect((await post(gate, transfer(from, to, '1'))).ok).toBe(true)
  } finally {
    await stake('0')
  }
  expect(await t.available(to)).toBe('6.0945')
  expect(await findFaults(t.db)).toEqual([])
})

test('a batch with an unknown payee takes the long way, and the next one the short', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  calls.short = calls.long = 0
  const outcomes = await gate.post(
    [transfer(from, to, '1'), transfer(from, newAgent(), '1')].map((command) => Command.parse(command)),
  )
  expect(outcomes.map(({ error }) => error?.code ?? 'ok')).toEqual(['ok', 'agent_not_found'])
  expect(calls).toEqual({ short: 1, long: 1 })
  expect((await post(gate, transfer(from, to, '1'))).ok).toBe(true)
  expect(calls).toEqual({ short: 2, long: 1 })
  expect(await t.available(from)).toBe('3')
  expect(await findFaults(t.db)).toEqual([])
})

test('holds that are due send the batch of their payer on the long way, not one that pays to it', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  expect((await post(gate, issueToken(from, to, '1', { expires_in: 60 }))).ok).toBe(true)
  t.clock.advance(61_000)
  calls.short = calls.long = 0
  expect((await post(gate, transfer(to, from, '1'))).ok).toBe(true)
  expect(calls).toEqual({ short: 1, long: 0 })
  expect((await post(gate, transfer(from, to, '5.5'))).transfer?.balance_after).toBe('0.495')
  expect((await post(gate, transfer(from, to, '0.1'))).transfer?.balance_after).toBe('0.395')
  expect(calls).toEqual({ short: 3, long: 1 })
  expect(await findFaults(t.db)).toEqual([])
})
