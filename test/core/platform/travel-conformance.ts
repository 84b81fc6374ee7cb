/** What every adapter with transactions guarantees of statements that travel together: begin with the first, some with the commit. */
import { expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'

/** Where the tests work: a table t (id, n) with the constraints t_pkey and n_positive. */
export interface TravelWorld {
  readonly db: () => Database
  readonly schema: string
  readonly insert: string
  readonly count: () => Promise<bigint | undefined>
  readonly clear: () => Promise<unknown>
}

export function travelConformance({ db, schema, insert, count, clear }: TravelWorld): void {
  test('runs no statement when its begin fails: it would stand alone and be kept', async () => {
    await clear()
    const unknown = { isolation: 'none' as never }
    const run = db().transaction((tx) => tx.query(insert, [1n, 1]), unknown)
    await expect(run).rejects.toMatchObject({ code: '42601' })
    const swallowed = db().transaction(async (tx) => {
      await tx.query(insert, [1n, 1]).catch(() => undefined)
      await tx.query(insert, [2n, 1]).catch(() => undefined)
      tx.later(insert, [3n, 1])
    }, unknown)
    await expect(swallowed).rejects.toMatchObject({ code: '42601' })
    const together = db().transaction(
      (tx) => Promise.all([tx.query(insert, [1n, 1]), tx.query(insert, [2n, 1])]),
      unknown,
    )
    await expect(together).rejects.toMatchObject({ code: '42601' })
    const later = db().transaction(async (tx) => tx.later(insert, [1n, 1]), unknown)
    await expect(later).rejects.toMatchObject({ code: '42601' })
    expect(await count()).toBe(0n)
  })

  test('that says nothing gives back what the work gave', async () => {
    expect(await db().transaction(async () => 'nothing')).toBe('nothing')
  })

  test('keeps what was said by later, in the order told, before whatever is said after it', async () => {
    await clear()
    const seen = await db().transaction(async (tx) => {
      tx.later(insert, [1n, 1])
      tx.later(`update ${schema}.t set n = n + 1 where id = 1`)
      const rows = await tx.query(`update ${schema}.t set n = n * 10 where id = 1 returning n`)
      tx.later(insert, [2n, 7])
      return rows
    })
    expect(seen).toEqual([{ n: 20 }])
    expect(await db().query(`select id, n from ${schema}.t order by id`)).toEqual([
      { id: 1n, n: 20 },
      { id: 2n, n: 7 },
    ])
    await db().transaction(async (tx) => tx.later(insert, [3n, 1]))
    expect(await count()).toBe(3n)
  })

  test('fails as a whole when a statement said by later fails, with its code and constraint', async () => {
    await clear()
    await db().query(insert, [1n, 1])
    const atCommit = db().transaction(async (tx) => {
      await tx.query(insert, [2n, 1])
      tx.later(insert, [1n, 1])
      return 'done'
    })
    await expect(atCommit).rejects.toMatchObject({ code: '23505', constraint: 't_pkey' })
    const alone = db().transaction(async (tx) => {
      tx.later(insert, [3n, 1])
      tx.later(insert, [4n, -1])
      tx.later(insert, [5n, 1])
    })
    await expect(alone).rejects.toMatchObject({ code: '23514', constraint: 'n_positive' })
    const beforeNext = db().transaction(async (tx) => {
      tx.later(insert, [1n, 1])
      await tx.query(insert, [6n, 1]).catch(() => undefined)
      await tx.query('rollback').catch(() => undefined)
      await tx.query(insert, [7n, 1]).catch(() => undefined)
    })
    await expect(beforeNext).rejects.toMatchObject({ code: '23505', constraint: 't_pkey' })
    expect(await db().query(`select id from ${schema}.t`)).toEqual([{ id: 1n }])
  })

  test('does not send what was said by later when the work throws or swallowed a failure', async () => {
    await clear()
    const thrown = new Error('changed my mind')
    const run = db().transaction(async (tx) => {
      tx.later(insert, [1n, 1])
      throw thrown
    })
    await expect(run).rejects.toBe(thrown)
    const swallowed = db().transaction(async (tx) => {
      await tx.query('select 1/0').catch(() => undefined)
      tx.later(insert, [1n, 1])
    })
    await expect(swallowed).rejects.toMatchObject({ code: '22012' })
    expect(await count()).toBe(0n)
    const left = await db().transaction(async (tx) => tx)
    expect(() => left.later('select 1')).toThrow('The transaction is over')
  })

  test('rolls back what a check at the commit refuses, and says which', async () => {
    await clear()
    await db().script(
      `create table ${schema}.late (id int8 constraint late_once unique deferrable initially deferred)`,
    )
    const late = `insert into ${schema}.late values ($1)`
    for (const later of [true, false]) {
      const run = db().transaction(async (tx) => {
        await tx.query(late, [1n])
        if (later) tx.later(late, [1n])
        else await tx.query(late, [1n])
      })
      await expect(run).rejects.toMatchObject({ code: '23505', constraint: 'late_once' })
    }
    expect(await db().query(`select id from ${schema}.late`)).toEqual([])
    expect(await db().query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('refuses a value that cannot be written, and keeps nothing of what came with it', async () => {
    await clear()
    const circle: Record<string, unknown> = {}
    circle.self = circle
    for (const later of [true, false]) {
      const run = db().transaction(async (tx) => {
        tx.later(insert, [1n, 1])
        if (later) tx.later('select $1::jsonb', [circle])
        else await tx.query('select $1::jsonb', [circle])
      })
      await expect(run).rejects.toThrow(/circular/)
    }
    expect(await count()).toBe(0n)
    expect(await db().query('select 1 as one')).toEqual([{ one: 1 }])
  })

  test('runs a statement to keep like any other, time after time, alone and in transactions', async () => {
    const keep = 'conformance'
    const text = 'select $1::int8 as n, $2::jsonb as j, $3::bytea as b'
    const bytes = new Uint8Array([0, 1, 255])
    for (const n of [1n, 2n, 9007199254740993n]) {
      const row = { n, j: { a: String(n) }, b: bytes }
      const params = [n, row.j, bytes]
      expect(await db().query(text, params, { keep })).toStrictEqual([row])
      const rows = await db().transaction(async (tx) => {
        tx.later(text, params, { keep })
        return tx.query(text, params, { keep })
      })
      expect(rows).toStrictEqual([row])
    }
  })

  test('gives values and rows of statements that travel together as those of single ones', async () => {
    const bytes = new Uint8Array([0, 1, 255])
    const read = await db().transaction((tx) =>
      tx.query('select $1::bytea as b, $2::int8 as n, $3::jsonb as j', [bytes, 9007199254740993n, { a: 1 }]),
    )
    expect(read).toStrictEqual([{ b: bytes, n: 9007199254740993n, j: { a: 1 } }])
  })
}
