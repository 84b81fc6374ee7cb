/** A ledger that was kept in the wide rows of before: its history, ids and outcomes are the same in the narrow ones. */
import { afterAll, expect, test } from 'vitest'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPglite } from '#core/platform/database/pglite.ts'
import { silentLog } from '#core/platform/log.ts'
import { digestOf } from '#core/teg/ledger/digest-key.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { readLegs, readTransferRow } from '#core/teg/ledger/queries.ts'
import { idOf } from '#core/teg/ledger/rules.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { Command } from '#core/wire/teg.ts'
import { testClock } from '#test/support/clock.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { didOf, newAgent, transfer } from '#test/support/teg.ts'

const db = await openPglite()
afterAll(() => db.close())
const clock = testClock()
const [rich, poor, developer, granted, paid, refused] = Array.from({ length: 6 }, newAgent) as [
  string,
  string,
  string,
  string,
  string,
  string,
]
const before = transfer(rich, poor, '1', { key: 'before', memo: 'old' })
const tooMuch = transfer(poor, rich, '100', { key: 'too-much' })
const uuidOf = (hash: string) => hash.slice(0, 32)

await migrate(
  db,
  'teg',
  migrations.filter(({ name }) => /^00(0|10)/.test(name)),
)
await db.query(
  `insert into teg.accounts (id, did, owner, opened_at, balance, seq)
   select a.id, a.did, a.id, $3, a.balance, a.seq
   from unnest($1::uuid[], $2::text[], array[4000000, 995000]::bigint[], array[2, 1]::bigint[]) as a(id, did, balance, seq)`,
  [[rich, poor], [didOf(rich), didOf(poor)], clock.now()],
)
await db.query(
  `insert into teg.transfers (seq, id, idem, request_hash, from_agent, to_agent, amount, fee, from_seq, from_balance, to_seq,
     to_balance, created_at, fee_ppm, fee_snapshot, kind, scope, key, memo, code, detail)
   values
   (5000, $1, $2, $2, null, $3, 5000000, 0, null, null, 1, 5000000, $4, 0, null, 'genesis_grant', 'system:genesis', $5, null, null, null),
   (10000, $6, $7, $8, $3, $9, 1000000, 5000, 2, 4000000, 1, 995000, $4, 5000, 1, 'transfer', null, 'before', 'old', null, null),
   (10001, $10, $11, $12, $9, $3, 100000000, 0, null, null, null, null, $4, 0, null, 'transfer', null, 'too-much', null,
     'insufficient_funds', 'as it was told')`,
  [
    granted,
    digestOf(`system:genesis\n${developer}`),
    rich,
    clock.now(),
    developer,
    paid,
    digestOf(`${rich}\nbefore`),
    uuidOf(before.hash),
    poor,
    refused,
    digestOf(`${poor}\ntoo-much`),
    uuidOf(tooMuch.hash),
  ],
)
await db.query('insert into teg.grants values ($1, $2, $3, 5000000, $4::date)', [
  developer,
  rich,
  granted,
  clock.now(),
])
await db.query(
  `insert into teg.system_deltas (seq, account, amount, created_at)
   values (5000, 'issuance', -5000000, $1), (10000, 'treasury', 5000, $1)`,
  [clock.now()],
)
await db.query('insert into teg.outbox values (5000, 1), (10000, 1)')
await db.query(`select setval('teg.ledger_seq', 10000)`)
await migrate(db, 'teg', migrations)
const gate = openGate({ db, clock, newId: newAgent, log: silentLog })
const post = async (command: object) => (await gate.post([Command.parse(command)]))[0]

test('every row is there with its id, and the books hold', async () => {
  expect(await findFaults(db)).toEqual([])
  const rows = await db.query<{ id: string }>('select t.id from teg.transfers t order by t.seq')
  expect(rows.map(({ id }) => id)).toEqual([granted, paid, refused])
  expect(await readTransferRow(db, paid)).toMatchObject({
    id: paid,
    from_agent: rich,
    to_did: didOf(poor),
    amount: 1_000_000n,
    fee: 5000n,
    memo: 'old',
  })
  expect(await readTransferRow(db, refused)).toBeUndefined()
})

test('a key that was used before has its first outcome, moved or refused', async () => {
  expect(await post(before)).toMatchObject({ ok: true, replayed: true, transfer: { id: paid, amount: '1' } })
  expect(await post(tooMuch)).toMatchObject({
    replayed: true,
    error: { code: 'insufficient_funds', detail: 'as it was told' },
  })
  expect((await post({ ...before, hash: 'f'.repeat(64) }))?.error?.code).toBe('idempotency_key_reused')
})

test('old and new stand in one statement, and an old transfer can be refunded', async () => {
  const outcome = await post(transfer(rich, poor, '1'))
  const id = outcome?.transfer?.id as string
  const legs = await readLegs(db, rich, { from: null, to: null, before: null }, 10)
  expect(legs.map((leg) => leg.transfer_id)).toEqual([id, paid, granted])
  const [row] = await db.query<{ seq: bigint; created_at: Date; made: string; found: bigint }>(
    `select m.seq, m.created_at, teg.id_of(m.seq, m.created_at) as made, teg.find_move($1::uuid) as found
     from teg.moves m where m.id is null`,
    [id],
  )
  expect(row && [idOf(row.seq, row.created_at), row.made, row.found]).toEqual([id, id, row?.seq])
  const back = { op: 'refund', agent: poor, transfer_id: paid, key: 'back', hash: 'a'.repeat(64) }
  expect(await post({ ...back, amount: '0.5', limits: null })).toMatchObject({
    ok: true,
    transfer: { refund_of: paid, amount: '0.5' },
  })
  expect(await findFaults(db)).toEqual([])
})

test.each([0n, 1n, 4999n, 5000n, 2n ** 40n + 7n, 2n ** 63n - 1n])(
  'the id of ledger number %s is a UUIDv7 that leads back to it, made alike in Node and in SQL',
  async (seq) => {
    const at = new Date('2026-11-24T12:34:56.789Z')
    const id = idOf(seq, at)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{11}0$/)
    const [row] = await db.query<{ made: string; seq: bigint; none: bigint | null }>(
      'select teg.id_of($1::bigint, $2::timestamptz) as made, teg.seq_of($3::uuid) as seq, teg.find_move($3::uuid) as none',
      [seq, new Date(at.getTime()), id],
    )
    expect(row).toEqual({ made: id, seq, none: null })
  },
)
