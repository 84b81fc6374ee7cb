/** What must be true of ledger and journal after kills, and what the clients were told. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { digestKeyOf } from '#core/teg/ledger/digest-key.ts'
import type { KillWorld } from './kill-series.ts'
import { findFaults } from './ledger-faults.ts'

const JOURNAL_MAX_MS = 60_000
const UUID = /^[0-9a-f-]{36}$/

/** The gate's digest of scope and key. */
const idemOf = ({ from, key }: { from: string; key: string }) => digestKeyOf(true)(from, key)

/** Every acknowledged transfer is there, none twice, a refusal stays one, and each movement has one event. */
export async function expectExact(world: KillWorld): Promise<void> {
  expect(await world.retryAll()).toEqual([])
  expect(world.strays).toEqual([])
  const { sent, db } = world
  const rows = await db.query<{
    idem: string
    id: string
    code: string | null
    amount: bigint
    payer: string
  }>(
    `select t.idem, t.id, t.code, t.amount, t.from_agent as payer from teg.transfers t where t.idem = any ($1::uuid[])`,
    [sent.map(idemOf)],
  )
  const kept = new Map(rows.map((row) => [row.idem, row]))
  expect(rows.length).toBe(sent.length)
  expect(kept.size).toBe(sent.length)
  const differing = sent.filter((one) => {
    const { answer, amount, from } = one
    const row = kept.get(idemOf(one))
    const micro = BigInt(Math.round(Number(amount) * 100)) * 10_000n
    return (row?.code ?? row?.id) !== answer || row?.amount !== micro || row.payer !== from
  })
  expect(differing).toEqual([])
  expect(await findFaults(db)).toEqual([])
  await expectJournal(world, sent.filter(({ answer }) => UUID.test(answer ?? '')).length)
  const supply = (await world.pair.member('registry').api.get('/audit/supply')).body
  expect(supply.tokens_circulating).toBe(supply.tokens_issued)
}

/** One event of the TEG for each movement, numbered without gap. */
async function expectJournal({ db }: KillWorld, transfers: number): Promise<void> {
  const begin = performance.now()
  for (;;) {
    const [row] = await db.query<
      Record<'events' | 'last' | 'completed' | 'unmatched' | 'twice' | 'gaps', bigint>
    >(
      `with told as (
         select j.id, j.sourcesequence, j.type, lag(j.sourcesequence, 1, 0::bigint) over (order by j.index) as before
         from registry.journal j where j.source like '%/teg')
       select count(*) as events, coalesce(max(t.sourcesequence), 0) as last,
         count(*) filter (where t.type = 'transfer.completed') as completed,
         (select count(*) from told x full join (select m.id from teg.transfers m where m.code is null) m on m.id = x.id
          where x.id is null or m.id is null) as unmatched,
         count(*) - count(distinct t.id) as twice,
         count(*) filter (where t.sourcesequence <> t.before + 1) as gaps
       from told t`,
    )
    if (row?.unmatched === 0n || performance.now() - begin > JOURNAL_MAX_MS) {
      expect(row).toMatchObject({ completed: BigInt(transfers), unmatched: 0n, twice: 0n, gaps: 0n })
      expect(row?.last).toBe(row?.events)
      return
    }
    await wait(50)
  }
}
