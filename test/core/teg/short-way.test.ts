/** The gate's short way against its long way: the same batches on twin agents have the same outcomes and leave the same books. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAmount } from '#core/base/amount.ts'
import { silentLog } from '#core/platform/log.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { withMethods } from '#test/support/database.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import {
  anyCall,
  didOf,
  grant,
  issueToken,
  newAgent,
  openAccount,
  setStatus,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const RUNS = Math.ceil(Number(process.env.SOAK_RUNS ?? (process.env.TEST_DATABASE_URL ? 100 : 10)) / 2)
const AGENTS = 6
const t = await startTeg()
/** Statements by the function of the gate that they call. */
const calls = { short: 0, long: 0 }
/** Batches of the short way that went as foreseen, and whose transfers were judged one after the other. */
const went = { foreseen: 0, inTurn: 0 }
const counted = withMethods(t.db, {
  query: async <T>(...[text, params, options]: Parameters<typeof t.db.query>) => {
    if (text.includes('teg.apply_transfers')) calls.short++
    if (text.includes('teg.apply_commands')) calls.long++
    const rows = await t.db.query<T>(text, params, options)
    const [row] = rows as { o_after?: string | null }[]
    if (row && 'o_after' in row) went[row.o_after === null ? 'inTurn' : 'foreseen']++
    return rows
  },
})
const gateOf = (short: boolean) =>
  openGate({ db: counted, clock: t.clock, newId: newAgent, log: silentLog, short })

const pay = fc.record({
  from: fc.nat(AGENTS - 1),
  to: fc.nat(AGENTS - 1),
  amount: fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 100, max: 4_000_000 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1, 99, 100, 200, 201, 9_007_199_254_740_991) },
  ),
  key: fc.nat(400),
  memo: fc.option(fc.string({ maxLength: 8, unit: 'grapheme-ascii' })),
})
const batches = fc.array(
  fc.record({
    /** What happens to the world before the batch. */
    before: fc.constantFrom('nothing', 'nothing', 'nothing', 'hold', 'freeze', 'thaw', 'a minute'),
    pays: fc.array(pay, { minLength: 1, maxLength: 20 }),
  }),
  { minLength: 3, maxLength: 10, size: 'max' },
)
type Batch = typeof batches extends fc.Arbitrary<(infer T)[]> ? T : never

/** Agents with their gate; what differs between twins by nature is taken out of what is seen. */
async function openTwin(short: boolean) {
  const agents = Array.from({ length: AGENTS }, newAgent)
  await t.client.commands(
    anyCall(),
    agents.flatMap((agent) => [openAccount(agent), grant(agent, '5')]),
  )
  const places = new Map(agents.flatMap((agent, i) => [[agent, i] as const, [didOf(agent), i] as const]))
  const seen = (outcome: Outcome) => ({
    ...outcome,
    transfer: outcome.transfer && {
      ...outcome.transfer,
      id: '',
      from_agent: places.get(outcome.transfer.from_agent),
      from_did: places.get(outcome.transfer.from_did),
      to_agent: places.get(outcome.transfer.to_agent as string),
      to_did: places.get(outcome.transfer.to_did),
    },
  })
  return { agents, gate: gateOf(short), seen }
}
type Twin = Awaited<ReturnType<typeof openTwin>>

async function change(twin: Twin, before: Batch['before'], step: number): Promise<void> {
  const [first, second] = twin.agents as [string, string]
  const commands = {
    hold: [issueToken(first, second, '0.5', { expires_in: 60, key: `hold ${step}`.replace(' ', '-') })],
    freeze: [setStatus(second, step * 2 + 2, 'frozen')],
    thaw: [setStatus(second, step * 2 + 3, 'open')],
  }[before as 'hold']
  if (commands) await twin.gate.post(commands.map((command) => Command.parse(command)))
}

const historyOf = (twin: Twin) =>
  t.db.query(
    `select array_position($1::uuid[], m.from_agent) as payer, array_position($1::uuid[], m.to_agent) as payee, m.amount, m.fee,
       m.from_seq, m.from_balance, m.to_seq, m.to_balance, m.from_held, m.created_at, m.fee_ppm, m.fee_snapshot, m.kind, m.scope,
       m.request_hash, m.memo, m.reference, m.code, m.detail
     from teg.transfers m where m.from_agent = any ($1::uuid[]) and m.kind = 'transfer' order by m.seq`,
    [twin.agents],
  )
const accountsOf = (twin: Twin) =>
  t.db.query(
    `select a.balance, a.held, a.seq, a.status from teg.accounts a where a.id = any ($1::uuid[])
     order by array_position($1::uuid[], a.id)`,
    [twin.agents],
  )

test('batches of plain transfers have the same outcomes and leave the same rows on both ways', async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (drawn) => {
      const twins = [await openTwin(true), await openTwin(false)] as const
      for (const [step, { before, pays }] of drawn.entries()) {
        if (before === 'a minute') t.clock.advance(60_000)
        const outcomes = []
        for (const twin of twins) {
          await change(twin, before, step)
          const commands = pays.map(({ from, to, amount, key, memo }) => ({
            ...Command.parse(
              transfer(twin.agents[from] as string, twin.agents[to] as string, formatAmount(BigInt(amount)), {
                key: `k${key}`,
              }),
            ),
            hash: amount.toString(16).padStart(64, '0'),
            memo,
          }))
          outcomes.push((await twin.gate.post(commands as never)).map(twin.seen))
        }
        expect(outcomes[0]).toEqual(outcomes[1])
      }
      expect(await historyOf(twins[0])).toEqual(await historyOf(twins[1]))
      expect(await accountsOf(twins[0])).toEqual(await accountsOf(twins[1]))
    }),
    { numRuns: RUNS },
  )
  // The property would be empty if the short way were never taken.
  expect(calls.short).toBeGreaterThan(RUNS)
  expect(Math.min(went.foreseen, went.inTurn)).toBeGreaterThan(RUNS / 2)
  expect(await findFaults(t.db)).toEqual([])
}, 120_000)

test('a known key takes the long way, gets its first outcome, and so do some batches after it', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  const post = async (key: string) =>
    (await gate.post([Command.parse(transfer(from, to, '0.1', { key }))]))[0] as Outcome
  const first = await post('one')
  calls.short = calls.long = 0
  expect(await post('one')).toEqual({ ...first, replayed: true })
  expect(calls).toEqual({ short: 1, long: 1 })
  for (let i = 0; i < 9; i++) expect((await post(`new-${i}`)).ok).toBe(true)
  expect(calls).toEqual({ short: 2, long: 9 })
  expect(await t.available(from)).toBe('4')
})

test('plain transfers that wait beside a command of another kind go by themselves, and both are done', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  calls.short = calls.long = 0
  const limits = { key_id: newAgent(), per_transfer: '1', per_day: null, allowed_payees: null }
  const outcomes = await Promise.all(
    [transfer(from, to, '1'), transfer(from, to, '2', { limits }), transfer(from, to, '1')].map((command) =>
      gate.post([Command.parse(command)]),
    ),
  )
  expect(outcomes.map(([outcome]) => outcome?.error?.code ?? 'ok')).toEqual(['ok', 'limit_exceeded', 'ok'])
  expect(calls).toEqual({ short: 1, long: 1 })
  expect(await t.available(from)).toBe('3')
})

const post = async (gate: Twin['gate'], command: object) =>
  (await gate.post([Command.parse(command)]))[0] as Outcome

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

const rivals = [
  ['pays', 'ok', ([from, to]) => transfer(from, to, '1')],
  ['holds funds', 'ok', ([from, to]) => issueToken(from, to, '1')],
  ['is frozen', 'agent_not_active', ([from]) => setStatus(from, 1, 'frozen')],
] as const satisfies [string, string, (agents: [string, string]) => object][]

test.skipIf(t.db.kind !== 'pg').each(rivals)(
  'a batch that drew its number before an account %s in another one stands behind it in the ledger (%s)',
  async (_what, code, rival) => {
    const { agents, gate } = await openTwin(true)
    const [from, to] = agents as [string, string]
    await post(gate, transfer(from, to, '0.1'))
    let waiting: Promise<Outcome> | undefined
    const last = await t.db.transaction(async (tx) => {
      const [session] = await tx.query<{ pid: number }>('select pg_backend_pid() as pid')
      await tx.query('select from teg.accounts a where a.id = $1::uuid for update', [from])
      waiting = post(gate, transfer(from, to, '2'))
      await expect
        .poll(() =>
          t.db.query('select from pg_stat_activity s where $1 = any (pg_blocking_pids(s.pid))', [
            session?.pid,
          ]),
        )
        .toHaveLength(1)
      const db = withMethods(t.db, { query: (text, params) => tx.query(text, params) })
      const other = openGate({ db, clock: t.clock, newId: newAgent, log: silentLog })
      expect((await post(other, rival([from, to]))).ok).toBe(true)
      const [row] = await tx.query<{ last: bigint }>('select s.last_value as last from teg.ledger_seq s')
      return row?.last as bigint
    })
    const outcome = (await waiting) as Outcome
    expect(outcome.error?.code ?? 'ok').toBe(code)
    const [row] = await t.db.query<{ seq: bigint }>(
      'select max(m.seq) as seq from teg.transfers m where m.from_agent = $1::uuid',
      [from],
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

test('an unknown payee takes the long way and leaves nothing of the short one', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  calls.short = calls.long = 0
  const outcomes = await gate.post(
    [transfer(from, to, '1'), transfer(from, newAgent(), '1')].map((command) => Command.parse(command)),
  )
  expect(outcomes.map(({ error }) => error?.code ?? 'ok')).toEqual(['ok', 'agent_not_found'])
  expect(calls).toEqual({ short: 1, long: 1 })
  expect(await t.available(from)).toBe('4')
  expect(await findFaults(t.db)).toEqual([])
})
