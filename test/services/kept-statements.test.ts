/** Statements that a server keeps by name: only over connections of its own, and never to a caller's harm. */
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type Database, lostConnection } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { serverUrl } from '#test/support/services.ts'
import { openTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts'

const direct = serverUrl('TEST_DATABASE_URL')
const pooled = serverUrl('PGBOUNCER_TEST_URL')

const name = `kept_${randomBytes(6).toString('hex')}`
const inOwnDatabase = (server: string): string => {
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}
const opened: Database[] = []
const open = (url = inOwnDatabase(direct as string), max = 1) => {
  const db = openPg({ url, max })
  opened.push(db)
  return db
}
afterEach(async () => {
  for (const db of opened.splice(0)) await db.close()
})
beforeAll(async () => {
  if (direct === null) return
  const admin = openPg({ url: direct, max: 1 })
  await admin.query(`create database ${name}`)
  await admin.close()
  const db = open()
  await db.script(`create table t (id int8 constraint t_pkey primary key, n int4 constraint n_positive check (n > 0));
    create table late (id int8 constraint late_once unique deferrable initially deferred)`)
})
afterAll(async () => {
  if (direct === null) return
  const admin = openPg({ url: direct, max: 1 })
  await admin.query(`drop database if exists ${name} with (force)`)
  await admin.close()
})

/** Each test has names of its own: a name stands for one text in the whole process. */
let serial = 0
const fresh = () => `kept_in_test_${serial++}`
const plus = 'select $1::int8 + 1 as n'
const insert = 'insert into t (id, n) values ($1::int8, $2::int4)'

/** What the connection keeps at this moment, and how often each has run. */
const keptOn = async (db: Database) =>
  Object.fromEntries(
    (
      await db.query<{ name: string; runs: bigint }>(
        'select name, generic_plans + custom_plans as runs from pg_prepared_statements order by name',
      )
    ).map((row) => [row.name, row.runs]),
  )
/** Behind a connection that was lost the statement works again, parsed anew; closes both. */
async function expectKeptAnew(db: Database, proxy: TcpProxy, keep: string): Promise<void> {
  await proxy.mend()
  await expect.poll(() => db.query(plus, [1n], { keep }).catch(() => 'broken')).toEqual([{ n: 2n }])
  expect(await keptOn(db)).toEqual({ [keep]: 1n })
  await db.close()
  opened.pop()
  await proxy.close()
}
const ids = async (db: Database) =>
  (await db.query<{ id: bigint }>('select id from t order by id')).map(({ id }) => id)

describe.skipIf(direct === null)("a statement to keep, on a server's own connection", () => {
  test('is parsed once for all its calls, in transactions and outside, waited for or not', async () => {
    const db = open()
    const keep = fresh()
    expect(await db.query(plus, [1n], { keep })).toEqual([{ n: 2n }])
    const bound = db.bound(new AbortController().signal)
    expect(await bound.query(plus, [9007199254740992n], { keep })).toEqual([{ n: 9007199254740993n }])
    const rows = await db.transaction(async (tx) => {
      tx.later(plus, [0n], { keep })
      tx.later(plus, [0n], { keep })
      const [row] = await tx.query<{ n: bigint }>(plus, [3n], { keep })
      tx.later(plus, [0n], { keep })
      return row
    })
    expect(rows).toEqual({ n: 4n })
    expect(await keptOn(db)).toEqual({ [keep]: 6n })
  })

  test('is kept through whatever passes bytes on, and lost with its connection without harm', async () => {
    const proxy = await openTcpProxy(inOwnDatabase(direct as string))
    const db = open(proxy.url)
    const keep = fresh()
    await db.query(plus, [1n], { keep })
    expect(await keptOn(db)).toEqual({ [keep]: 1n })
    await proxy.cut()
    await expectKeptAnew(db, proxy, keep)
  })

  test('tells of a connection that was lost while it was to be proven, and is kept on the next one', async () => {
    const proxy = await openTcpProxy(inOwnDatabase(direct as string))
    const db = open(proxy.url)
    const keep = fresh()
    await db.query('select 1')
    proxy.freeze()
    const run = db.transaction((tx) => tx.query(plus, [1n], { keep })).catch((error: unknown) => error)
    setImmediate(() => void proxy.cut())
    expect(lostConnection(await run)).toBe(true)
    await expectKeptAnew(db, proxy, keep)
  })

  test('is kept although it failed when it ran, and is not parsed again', async () => {
    const db = open()
    const keep = fresh()
    await db.query('delete from t')
    for (const id of [1n, 2n]) {
      const refused = db.query(insert, [id, -1], { keep })
      await expect(refused).rejects.toMatchObject({ code: '23514', constraint: 'n_positive' })
      await db.query(insert, [id, 1], { keep })
    }
    const twice = db.transaction(async (tx) => {
      tx.later(insert, [3n, 1], { keep })
      tx.later(insert, [1n, 1], { keep })
    })
    await expect(twice).rejects.toMatchObject({ code: '23505', constraint: 't_pkey' })
    await db.query(insert, [3n, 1], { keep })
    expect(await ids(db)).toEqual([1n, 2n, 3n])
    expect(await keptOn(db)).toEqual({ [keep]: 7n })
  })

  test('is not taken for kept when the server skipped it behind one that failed', async () => {
    const db = open()
    const [wrong, first, skipped] = [fresh(), fresh(), fresh()]
    await db.query('delete from t')
    const run = db.transaction(async (tx) => {
      tx.later('select $1::int8 as n', [1n], { keep: first })
      tx.later('insert into nowhere (id) values ($1::int8)', [1n], { keep: wrong })
      tx.later(insert, [1n, 1], { keep: skipped })
    })
    await expect(run).rejects.toMatchObject({ code: '42P01' })
    expect(await keptOn(db)).toEqual({ [first]: 1n })
    await db.transaction(async (tx) => tx.later(insert, [2n, 1], { keep: skipped }))
    expect(await ids(db)).toEqual([2n])
    expect(Object.keys(await keptOn(db)).sort()).toEqual([first, skipped].sort())
  })

  test('is not taken for kept when a value of it could not be written', async () => {
    const db = open()
    const [keep, before] = [fresh(), fresh()]
    const circle: Record<string, unknown> = {}
    circle.self = circle
    const json = 'select $1::jsonb as j'
    for (const value of [circle, { a: 1 }, circle, { a: 2 }]) {
      const run = db.transaction(async (tx) => {
        tx.later(plus, [1n], { keep: before })
        return tx.query(json, [value], { keep })
      })
      if (value === circle) await expect(run).rejects.toThrow(/circular/)
      else expect(await run).toEqual([{ j: value }])
    }
    await expect(db.query(json, [circle], { keep })).rejects.toThrow(/circular/)
    expect(await db.query(json, [{ a: 3 }], { keep })).toEqual([{ j: { a: 3 } }])
    expect(await keptOn(db)).toEqual({ [before]: 4n, [keep]: 1n })
  })

  test('tells what a deferred check refuses after its last word', async () => {
    const db = open()
    const keep = fresh()
    const late = 'insert into late values ($1::int8), ($1::int8)'
    await expect(db.query(late, [1n], { keep })).rejects.toMatchObject({ constraint: 'late_once' })
    expect(await db.query('select id from late')).toEqual([])
  })

  test('ends by an abort, and runs on the connection that comes after', async () => {
    const db = open()
    const keep = fresh()
    const sleep = 'select pg_sleep($1::float8) is not null as slept'
    await db.query(sleep, [0], { keep })
    const controller = new AbortController()
    const why = new Error('deadline')
    const run = db.bound(controller.signal).query(sleep, [20], { keep })
    run.catch(() => undefined)
    const watcher = open()
    const active = `select 1 from pg_stat_activity where state = 'active' and query = $1`
    await expect.poll(() => watcher.query(active, [sleep]), { timeout: 5000 }).toHaveLength(1)
    controller.abort(why)
    await expect(run).rejects.toBe(why)
    expect(await db.query(sleep, [0], { keep })).toEqual([{ slept: true }])
  })

  test('may not share its name with another text', async () => {
    const db = open()
    const keep = fresh()
    await db.query(plus, [1n], { keep })
    await expect(db.query('select $1::int8 as n', [1n], { keep })).rejects.toThrow('Two statements')
    expect(await db.query(plus, [1n], { keep })).toEqual([{ n: 2n }])
  })
})

describe.skipIf(direct === null)('a kept statement, while a migration changes what it calls', () => {
  const call = 'select * from answer($1::int4) as a'
  const make = (result: string) =>
    open().script(`drop function if exists answer;
      create function answer(p int4) returns ${result} language sql as 'select p::${result}'`)

  test('calls the new function of the same shape', async () => {
    const db = open()
    const keep = fresh()
    await make('int4')
    expect(await db.query(call, [1], { keep })).toEqual([{ a: 1 }])
    await make('int4')
    expect(await db.query(call, [2], { keep })).toEqual([{ a: 2 }])
    expect(await keptOn(db)).toEqual({ [keep]: 2n })
  })

  test('gives what a function of another shape gives, alone or at the begin of a transaction, and is kept anew', async () => {
    const db = open()
    const [keep, other] = [fresh(), fresh()]
    const second = `${call} -- another`
    await make('int4')
    await db.query(call, [1], { keep })
    await db.query(second, [1], { keep: other })
    await make('text')
    expect(await db.query(call, [2], { keep })).toEqual([{ a: '2' }])
    expect(await keptOn(db)).toEqual({ [keep]: 1n })
    await db.query(second, [1], { keep: other })
    await make('int8')
    await db.query('delete from t')
    const given = await db.transaction(async (tx) => {
      tx.later(insert, [1n, 1])
      const rows = await tx.query(second, [3], { keep: other })
      return [...rows, ...(await tx.query(call, [4], { keep }))]
    })
    expect(given).toEqual([{ a: 3n }, { a: 4n }])
    expect(await ids(db)).toEqual([1n])
    expect(Object.keys(await keptOn(db)).sort()).toEqual([keep, other].sort())
  })

  test('fails in the middle of a transaction as one that may be repeated, and the repeat succeeds', async () => {
    const db = open()
    const keep = fresh()
    await make('int4')
    await db.query(call, [1], { keep })
    await db.query('delete from t')
    const work = () =>
      db.transaction(async (tx) => {
        await tx.query(insert, [1n, 1])
        return tx.query(call, [2], { keep })
      })
    await make('text')
    await expect(work()).rejects.toMatchObject({ code: '40001', cause: { code: '0A000' } })
    expect(await ids(db)).toEqual([])
    expect(await work()).toEqual([{ a: '2' }])
    expect(await ids(db)).toEqual([1n])
  })

  test('says that the function is gone while it is, and calls the one that comes back', async () => {
    const db = open()
    const keep = fresh()
    await make('int4')
    await db.query(call, [1], { keep })
    await open().script('drop function answer')
    for (let i = 0; i < 2; i++)
      await expect(db.query(call, [1], { keep })).rejects.toMatchObject({ code: '42883' })
    await make('int4')
    expect(await db.query(call, [2], { keep })).toEqual([{ a: 2 }])
  })

  test('is found to be gone when somebody has emptied the session', async () => {
    const db = open()
    const [keep, other] = [fresh(), fresh()]
    await db.query(plus, [1n], { keep })
    await db.script('deallocate all')
    expect(await db.query(plus, [2n], { keep })).toEqual([{ n: 3n }])
    await db.script('deallocate all')
    await db.transaction(async (tx) => {
      tx.later(plus, [1n], { keep })
      tx.later('select $1::int4 as b', [1], { keep: other })
    })
    expect(Object.keys(await keptOn(db)).sort()).toEqual([keep, other].sort())
  })
})

describe.skipIf(direct === null || pooled === null)('a statement to keep, behind pgbouncer', () => {
  test('runs without a name on every connection, so that no server keeps it', async () => {
    const db = open(inOwnDatabase(pooled as string), 4)
    const keep = fresh()
    await db.query('delete from t')
    await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        db.transaction(async (tx) => {
          tx.later(insert, [BigInt(i), 1], { keep })
          await tx.query(insert, [BigInt(100 + i), 1], { keep })
          expect(await tx.query('select name from pg_prepared_statements')).toEqual([])
        }),
      ),
    )
    await Promise.all(Array.from({ length: 12 }, (_, i) => db.query(insert, [BigInt(200 + i), 1], { keep })))
    expect(await ids(db)).toHaveLength(36)
    expect(await keptOn(db)).toEqual({})
  })
})
