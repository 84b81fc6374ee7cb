/** Digests of keys: those that begin with a time stand in its order, and every key has one outcome in either kind of ledger. */
import { expect, test } from 'vitest'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPglite } from '#core/platform/database/pglite.ts'
import { digestKeyOf, digestOf } from '#core/teg/ledger/digest-key.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { newAgent, startTeg, transfer } from '#test/support/teg.ts'
import { makeKey } from '../../../sdk/src/make-key.ts'

const key = '01975b4e-1c00-7abc-9def-0123456789ab'
const agent = newAgent()

test.each([
  ['a UUIDv7', key, true],
  ['one with more behind it, such as the items of a batch', `${key}:17`, true],
  ['a random UUID', 'f81d4fae-7dec-41d0-a765-00a0c91e6bf6', false],
  ['a UUIDv1', 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', false],
  ['one in capitals', key.toUpperCase(), false],
  ['one of another variant', '01975b4e-1c00-7abc-cdef-0123456789ab', false],
  ['one that is cut', key.slice(0, -1), false],
  ['one with something before it', `x${key}`, false],
  ['a word', 'order-1', false],
])('%s', (_name, given, timed) => {
  const plain = digestOf(`${agent}\n${given}`)
  expect(digestKeyOf(false)(agent, given)).toBe(plain)
  expect(digestKeyOf(true)(agent, given)).toBe(timed ? `${key.slice(0, 13)}${plain.slice(13)}` : plain)
})

test('keys of one moment differ by scope and by every part of the key', () => {
  const digest = digestKeyOf(true)
  const digests = [
    digest(agent, key),
    digest(newAgent(), key),
    digest(agent, `${key}:1`),
    digest(agent, key.replace('7abc', '7abd')),
  ]
  expect(new Set(digests).size).toBe(digests.length)
})

test('the keys that the SDK makes are UUIDv7s of their time, no two alike, in the order of their making', () => {
  const now = Date.UTC(2026, 10, 28, 6, 0, 0, 7)
  const keys = Array.from({ length: 100 }, (_, i) => makeKey(now + i))
  expect(new Set(keys).size).toBe(100)
  expect([...keys].sort()).toEqual(keys)
  for (const [i, made] of keys.entries()) {
    expect(made).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.parseInt(made.slice(0, 13).replace('-', ''), 16)).toBe(now + i)
  }
})

test('a key that begins with a time has one outcome, and another request under it is refused', async () => {
  const t = await startTeg()
  const [from, to] = [await t.open('10'), await t.open()]
  const first = await t.run(transfer(from, to, '1', { key }))
  expect(await t.run(transfer(from, to, '1', { key }))).toMatchObject({
    replayed: true,
    transfer: { id: first.transfer?.id },
  })
  expect((await t.run(transfer(from, to, '2', { key }))).error?.code).toBe('idempotency_key_reused')
  expect((await t.run(transfer(from, to, '1', { key: `${key}:1` }))).replayed).toBe(false)
  const [row] = await t.db.query<{ idem: string }>(
    'select m.idem from teg.moves m where m.seq = (select min(n.seq) from teg.moves n where n.kind = $1)',
    ['transfer'],
  )
  expect(row?.idem).toBe(digestKeyOf(true)(from, key))
})

test.each([
  ['born with it', false, true],
  ['that was at work before', true, false],
])('a ledger %s keeps them by time: %s -> %s', async (_name, old, byTime) => {
  const db = await openPglite()
  try {
    if (old) {
      await migrate(
        db,
        'teg',
        migrations.filter(({ name }) => /^00[0-4]/.test(name)),
      )
      await db.query(
        'insert into teg.accounts (id, did, owner, opened_at) values ($1, $2, $1, clock_timestamp())',
        [agent, 'did:web:a.example'],
      )
    }
    await migrate(db, 'teg', migrations)
    expect(await db.query('select m.keys_by_time from teg.meta m')).toEqual([{ keys_by_time: byTime }])
  } finally {
    await db.close()
  }
})

test('an empty database that was made some time ago may be at work under an older version: it stays as it was', async () => {
  const db = await openPglite()
  try {
    await migrate(
      db,
      'teg',
      migrations.filter(({ name }) => /^00[0-4]/.test(name)),
    )
    await db.query(`update teg.migrations set applied_at = applied_at - interval '1 hour'`)
    await migrate(db, 'teg', migrations)
    expect(await db.query('select m.keys_by_time from teg.meta m')).toEqual([{ keys_by_time: false }])
  } finally {
    await db.close()
  }
})
