/** What must be true of ledger and journal after kills, and what the clients were told. */
import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'
import { digestKeyOf } from '#core/teg/ledger/digest-key.ts'
import { readKeysByTime } from '#core/teg/ledger/queries.ts'
import type { AskKind, Sent } from './kill-asks.ts'
import type { KillWorld } from './kill-series.ts'
import { findFaults } from './ledger-faults.ts'

const JOURNAL_MAX_MS = 60_000
const UUID = /^[0-9a-f-]{36}$/

/** Kinds of movements by what was asked for. */
const kindOf = {
  transfer: 'transfer',
  refund: 'refund',
  redeem: 'payment',
  mint: 'mint',
  burn: 'burn',
} as const
/** Done is what is answered by an id, and a cancellation that names the token's status; all else are codes of refusals. */
export const isDone = ({ answer }: Sent) => UUID.test(answer ?? '') || answer === 'cancelled'

/** What was acknowledged is there, none twice, a refusal stays one, and each movement and token has its events. */
export async function expectExact(world: KillWorld): Promise<void> {
  expect(await world.retryAll()).toEqual([])
  expect(world.strays).toEqual([])
  const { sent, db } = world
  const digestKey = digestKeyOf(await readKeysByTime(db))
  const idemOf = ({ scope, key }: Sent) => digestKey(scope, key)
  const keyed = sent.filter(({ scope }) => scope !== '')
  const rows = await db.query<Kept>(
    `select t.idem, t.id, t.code, t.kind, t.amount, t.from_agent as payer from teg.transfers t
     where t.idem = any ($1::uuid[])`,
    [keyed.map(idemOf)],
  )
  const kept = new Map(rows.map((row) => [row.idem, row]))
  expect(rows.length).toBe(keyed.length)
  expect(kept.size).toBe(keyed.length)
  expect(keyed.filter((one) => differs(one, kept.get(idemOf(one))))).toEqual([])
  await expectCounted(world)
  expect(await findFaults(db)).toEqual([])
  await expectJournal(
    world,
    sent.filter((one) => isDone(one) && ['transfer', 'refund', 'redeem'].includes(one.kind)).length,
  )
  const supply = (await world.pair.member('registry').api.get('/audit/supply')).body
  expect(microOf(supply.tokens_circulating)).toBe(
    microOf(supply.tokens_issued) - microOf(supply.tokens_destroyed),
  )
}

interface Kept {
  idem: string
  id: string
  code: string | null
  kind: string
  amount: bigint
  payer: string | null
}

/** Micro-AVT of a sum. */
const microOf = (avt: string) => BigInt(Math.round(Number(avt) * 1_000_000))

function differs(one: Sent, row: Kept | undefined): boolean {
  if (!row) return true
  // A hold stands among the outcomes under its token's id.
  const told = row.code === null || row.code === 'held' ? row.id : row.code
  if (told !== one.answer) return true
  if (one.amount !== null && row.amount !== microOf(one.amount)) return true
  return one.from !== null && row.payer !== one.from
}

/** Whatever the ledger holds was asked for, and was told: as many of each kind as there are answers, each once. */
async function expectCounted({ db, sent, granted }: KillWorld): Promise<void> {
  const done = sent.filter(isDone)
  const idsOf = (kind: AskKind) => done.filter((one) => one.kind === kind).map(({ answer }) => answer)
  const counted = await db.query<{ kind: string; count: number }>(
    `select t.kind, count(*)::integer as count from teg.transfers t where t.code is null group by t.kind
     union all select 'token', count(*)::integer from teg.tokens
     union all select 'cancelled', count(*)::integer from teg.token_steps s where s.status = 3
     union all select 'ended otherwise', count(*)::integer from teg.token_steps s where s.status not in (2, 3)`,
  )
  const cancelled = new Set(done.filter(({ kind }) => kind === 'cancel').map(({ of }) => of))
  const wanted: Record<string, number> = {
    token: new Set(idsOf('issue')).size,
    cancelled: cancelled.size,
    'ended otherwise': 0,
    genesis_grant: granted + new Set(idsOf('grant')).size,
  }
  for (const [kind, name] of Object.entries(kindOf)) wanted[name] = new Set(idsOf(kind as AskKind)).size
  const found = Object.fromEntries(counted.map(({ kind, count }) => [kind, count]))
  expect({ ...Object.fromEntries(Object.keys(wanted).map((kind) => [kind, 0])), ...found }).toEqual(wanted)
  const grants = await db.query<{ developer: string; transfer: string }>(
    'select g.developer, g.transfer from teg.grants g where g.developer = any ($1::uuid[])',
    [sent.filter(({ kind }) => kind === 'grant').map(({ key }) => key)],
  )
  const given = new Map(grants.map(({ developer, transfer }) => [developer, transfer]))
  expect(sent.filter(({ kind, key, answer }) => kind === 'grant' && given.get(key) !== answer)).toEqual([])
}

/** One event of the TEG for each movement, each token and each end of one, numbered without gap. */
async function expectJournal({ db }: KillWorld, transfers: number): Promise<void> {
  const begin = performance.now()
  for (;;) {
    const [row] = await db.query<
      Record<'events' | 'last' | 'completed' | 'unmatched' | 'twice' | 'gaps' | 'untold', bigint>
    >(
      `with told as (
         select j.id, j.sourcesequence, j.type, lag(j.sourcesequence, 1, 0::bigint) over (order by j.index) as before
         from registry.journal j where j.source like '%/teg')
       select count(*) as events, coalesce(max(t.sourcesequence), 0) as last,
         count(*) filter (where t.type = 'transfer.completed') as completed,
         (select count(*) from (select x.id from told x where x.type not like 'payment.%') x
          full join (select m.id from teg.transfers m where m.code is null) m on m.id = x.id
          where x.id is null or m.id is null) as unmatched,
         (select count(*) from teg.tokens) + (select count(*) from teg.token_steps)
           - count(*) filter (where t.type like 'payment.%') as untold,
         count(*) - count(distinct t.id) as twice,
         count(*) filter (where t.sourcesequence <> t.before + 1) as gaps
       from told t`,
    )
    if ((row?.unmatched === 0n && row.untold === 0n) || performance.now() - begin > JOURNAL_MAX_MS) {
      expect(row).toMatchObject({
        completed: BigInt(transfers),
        unmatched: 0n,
        untold: 0n,
        twice: 0n,
        gaps: 0n,
      })
      expect(row?.last).toBe(row?.events)
      return
    }
    await wait(50)
  }
}
