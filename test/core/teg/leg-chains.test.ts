/** The chains of an account's legs: whatever is read along them is what the whole table says, and old ledgers get them, too. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAmount } from '#core/base/amount.ts'
import { splitStatements } from '#core/platform/database/migrate.ts'
import { readAccountAt, readLegs, readTransfersOf } from '#core/teg/ledger/queries.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { countRuns } from '#test/support/ledger/prove-sequences.ts'
import { anyCall, newAgent, startTeg, transfer } from '#test/support/teg.ts'

const AGENTS = 4
const RUNS = countRuns(150)
const t = await startTeg()
const begin = t.clock.now()
const agents = await Promise.all(Array.from({ length: AGENTS }, () => t.open('1000')))
const idle = await t.open()
let seed = 0
const draw = (below: number) => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
  return Math.floor((seed / 2_147_483_648) * below)
}
// The first agent takes part in nearly everything, the last one only ever receives. Several batches share a moment.
for (let batch = 0; batch < 60; batch++) {
  if (batch % 3 === 0) t.clock.advance(1000)
  await t.client.commands(
    anyCall(),
    Array.from({ length: 1 + draw(24) }, () => {
      const payer = draw(2) === 0 ? 0 : draw(AGENTS - 1)
      const payee = payer === 0 ? 1 + draw(AGENTS - 1) : draw(payer)
      const amount = draw(12) === 0 ? '5000' : formatAmount(BigInt(100 + draw(1_000_000)))
      return transfer(agents[payer] as string, agents[payee] as string, amount)
    }),
  )
}
const seconds = (t.clock.now().getTime() - begin.getTime()) / 1000
const numbers = (await t.db.query<{ seq: bigint }>('select m.seq from teg.moves m order by m.seq')).map(
  ({ seq }) => seq,
)

const moment = fc.integer({ min: -1, max: seconds + 1 }).map((s) => new Date(begin.getTime() + s * 1000))
const number = fc
  .tuple(fc.constantFrom(...numbers), fc.constantFrom(-1n, 0n, 1n))
  .map(([seq, off]) => seq + off)
const agent = fc.constantFrom(...agents, idle, newAgent())
const limit = fc.constantFrom(1, 2, 17, 100, 5000)
const check = { numRuns: RUNS }

test('the history is long enough for legs that stand in the index and for some that do not', async () => {
  const [row] = await t.db.query<{ legs: number; indexed: number }>(
    `select count(*)::integer as legs, (count(*) filter (where hashint8(m.seq) & 15 = 0))::integer as indexed
     from teg.moves m where m.code is null and m.from_seq is not null`,
  )
  expect(row?.legs).toBeGreaterThan(300)
  expect(row?.indexed).toBeGreaterThan(8)
})

test('a statement holds the legs of its range, newest first', async () => {
  await fc.assert(
    fc.asyncProperty(
      agent,
      fc.option(moment),
      fc.option(moment),
      fc.option(number),
      limit,
      async (who, from, to, before, count) => {
        const legs = await readLegs(t.db, who, { from, to, before }, count)
        const wanted = await t.db.query(
          `select p.seq, p.account_seq, p.balance_after, p.amount from teg.postings p
         where p.account = $1 and p.account_seq is not null and ($2::timestamptz is null or p.created_at >= $2)
           and ($3::timestamptz is null or p.created_at <= $3) and ($4::bigint is null or p.seq < $4)
         order by p.seq desc limit $5`,
          [who, from, to, before, count],
        )
        expect(
          legs.map(({ seq, account_seq, balance_after, outward, amount }) => ({
            seq,
            account_seq,
            balance_after,
            amount: outward ? -amount : amount,
          })),
        ).toEqual(wanted)
      },
    ),
    check,
  )
})

test('transfers of some agents, of one direction or both, come newest first from any number on', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(agent, { minLength: 1, maxLength: 4 }),
      fc.subarray(['in', 'out'] as const, { minLength: 1 }),
      fc.option(number),
      limit,
      async (who, directions, before, count) => {
        const found = await readTransfersOf(t.db, who, directions, before, count)
        const wanted = await t.db.query<{ seq: bigint }>(
          `select m.seq from teg.transfers m where m.code is null and m.kind not in ('burn', 'mint', 'genesis_grant')
           and ('out' = any ($2::text[]) and m.from_agent = any ($1::uuid[])
             or 'in' = any ($2::text[]) and m.to_agent = any ($1::uuid[]))
           and ($3::bigint is null or m.seq < $3)
         order by m.seq desc limit $4`,
          [who, directions, before, count],
        )
        expect(found.map(({ seq }) => seq)).toEqual(wanted.map(({ seq }) => seq))
      },
    ),
    check,
  )
})

test('a balance at a moment is the one behind the last leg of that moment', async () => {
  await fc.assert(
    fc.asyncProperty(agent, moment, async (who, at) => {
      const [wanted] = await t.db.query<{ balance: bigint }>(
        `select coalesce(sum(p.amount), 0)::bigint as balance from teg.postings p where p.account = $1 and p.created_at <= $2`,
        [who, at],
      )
      expect((await readAccountAt(t.db, who, at))?.balance ?? 0n).toBe(wanted?.balance)
    }),
    check,
  )
})

test.each([1n, 4000n])(
  'a chain that leads to no leg of its account (%s beside it) is an error, not the end of a statement',
  async (off) => {
    const lost = agents[AGENTS - 1] as string
    const read = async () =>
      t.db.transaction(async (tx) => {
        await tx.query('update teg.accounts a set last_in = a.last_in + $2 where a.id = $1', [lost, off])
        return readLegs(tx, lost, { from: null, to: null, before: null }, 10)
      })
    await expect(read()).rejects.toThrow(/is no leg of account/)
  },
)

test('a ledger that was kept without chains gets the same ones', async () => {
  const chains = () =>
    t.db.query(
      `select m.seq, m.from_prev, m.to_prev, null::bigint as no from teg.moves m
       union all select a.last_out, a.last_in, null, a.no from teg.accounts a order by no, seq`,
    )
  const kept = await chains()
  await t.db.script(`drop index teg.moves_out; drop index teg.moves_in;
    alter table teg.moves drop column from_prev, drop column to_prev, add constraint moves_legs check (fee >= 0);
    alter table teg.accounts drop column last_out, drop column last_in;
    create unique index moves_out on teg.moves (from_no, from_seq) where from_seq is not null;
    create unique index moves_in on teg.moves (to_no, to_seq) where to_seq is not null;`)
  const { sql } = migrations.find(({ name }) => name === '0040-leg-chains.sql') as { sql: string }
  await t.db.transaction(async (tx) => {
    for (const statement of splitStatements(sql)) await tx.query(statement)
  })
  expect(await chains()).toEqual(kept)
  expect(await findFaults(t.db)).toEqual([])
})
