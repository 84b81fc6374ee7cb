/** What every adapter of the Database port guarantees: values, transactions, refusals and aborts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, violates } from '#core/platform/database/database.ts'
import { packBigints, packIntegers, packUuids, packWholes } from '#core/platform/database/packed-array.ts'
import { travelConformance } from './travel-conformance.ts'

/** A schema of its own in whatever database the adapter reaches; removed at the end. */
export const scratchSchema = (): string => `scratch_${process.pid}_${Date.now().toString(36)}`

const NIL = '00000000-0000-0000-0000-000000000000'
const EXTREME_UUID = '01234567-89ab-7def-bfed-cba987654321'
const ONE = '00000000-0000-7000-8000-000000000001'
const values: [what: string, sql: string, given: unknown, read: unknown][] = [
  ['int8 as bigint', '$1::int8', 9007199254740993n, 9007199254740993n],
  ['the least int8', '$1::int8', -9223372036854775808n, -9223372036854775808n],
  ['int4 as number', '$1::int4', 7, 7],
  ['float8 as number', '$1::float8', 1.5, 1.5],
  ['bool', '$1::bool', true, true],
  ['text with every kind of quote', '$1::text', `'"\\$1 \n\t{},NULL é🌍`, `'"\\$1 \n\t{},NULL é🌍`],
  ['the empty text', '$1::text', '', ''],
  ['null', '$1::text', null, null],
  ['undefined as null', '$1::int8', undefined, null],
  ['a null among int8[]', '$1::int8[]', [1n, null, 9007199254740993n], [1n, null, 9007199254740993n]],
  ['nested int8[]', '$1::int8[]', [[1n], [2n]], [[1n], [2n]]],
  [
    'text[] with hard items',
    '$1::text[]',
    ['a"b', 'c,d', '', null, '{x}', '\\', 'NULL', 'é'],
    ['a"b', 'c,d', '', null, '{x}', '\\', 'NULL', 'é'],
  ],
  ['an empty array', '$1::uuid[]', [], []],
  ['uuid[]', '$1::uuid[]', [ONE], [ONE]],
  ['uuid[] with null', '$1::uuid[]', [ONE, null, ONE], [ONE, null, ONE]],
  ['uuid[][]', '$1::uuid[]', [[ONE], [ONE]], [[ONE], [ONE]]],
  ['bool[]', '$1::bool[]', [true, false], [true, false]],
  ['numeric as text, with its zeros', '$1::numeric', '123.4500', '123.4500'],
  ['numeric[] as text', '$1::numeric[]', ['1.50', null], ['1.50', null]],
  [
    'timestamptz as Date',
    '$1::timestamptz',
    new Date('2026-03-29T01:30:00.123Z'),
    new Date('2026-03-29T01:30:00.123Z'),
  ],
  ['timestamptz[] as Dates', '$1::timestamptz[]', [new Date(0), null], [new Date(0), null]],
  ['date as text, in no time zone', '$1::date', '2026-11-24', '2026-11-24'],
  ['date[] as text', '$1::date[]', ['2026-11-24'], ['2026-11-24']],
  ['interval as text', '$1::interval', '1 day', '1 day'],
  ['json parsed', '$1::json', { a: [1, null, 'x'], b: { c: true } }, { a: [1, null, 'x'], b: { c: true } }],
  ['jsonb parsed', '$1::jsonb', { a: 1 }, { a: 1 }],
  ['a JSON array given as text', '$1::jsonb', '[1,"2"]', [1, '2']],
  ['a JSON text', '$1::json', '"text"', 'text'],
  ['jsonb[]', '$1::jsonb[]', [{ a: 1 }], [{ a: 1 }]],
  ['bytea as plain bytes', '$1::bytea', new Uint8Array([0, 1, 255]), new Uint8Array([0, 1, 255])],
  ['a packed uuid[]', '$1::uuid[]', packUuids([EXTREME_UUID, NIL]), [EXTREME_UUID, NIL]],
  [
    'a packed int4[]',
    '$1::int4[]',
    packIntegers([0, -1, 2147483647, -2147483648]),
    [0, -1, 2147483647, -2147483648],
  ],
  [
    'a packed int8[]',
    '$1::int8[]',
    packBigints([0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]),
    [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)],
  ],
  [
    'a packed int8[] of whole numbers',
    '$1::int8[]',
    packWholes(new Float64Array([0, -1, 2 ** 32, -(2 ** 32) - 1, 4_294_967_295, 2 ** 53 - 1, 1 - 2 ** 53])),
    [0n, -1n, 2n ** 32n, -(2n ** 32n) - 1n, 4_294_967_295n, 2n ** 53n - 1n, 1n - 2n ** 53n],
  ],
  ['an empty packed uuid[]', '$1::uuid[]', packUuids([]), []],
  ['the length of an empty packed int8[]', 'cardinality($1::int8[])', packBigints([]), 0],
  ['bytea[]', '$1::bytea[]', [new Uint8Array([9])], [new Uint8Array([9])]],
]

export function databaseConformance(
  title: string,
  kind: Database['kind'],
  open: () => Promise<Database>,
  /** An adapter without sessions says so where it is asked for a transaction. */
  can: { readonly transactions: boolean } = { transactions: true },
): void {
  describe(title, () => {
    const schema = scratchSchema()
    let db: Database
    beforeAll(async () => {
      db = await open()
      await db.script(`create schema ${schema}; create table ${schema}.t (
        id int8 constraint t_pkey primary key, n int4 constraint n_positive check (n > 0))`)
    })
    afterAll(async () => {
      await db?.script(`drop schema ${schema} cascade`)
      await db?.close()
    })
    const count = async () => (await db.query<{ n: bigint }>(`select count(*) as n from ${schema}.t`))[0]?.n
    const insert = `insert into ${schema}.t (id, n) values ($1, $2)`
    const clear = () => db.query(`delete from ${schema}.t`)

    test('says its kind', () => expect(db.kind).toBe(kind))

    describe('values', () => {
      test.each(values)('%s', async (_what, sql, given, read) => {
        const rows = await db.query<{ v: unknown }>(`select ${sql} as v`, [given])
        expect(rows).toStrictEqual([{ v: read }])
      })
      test('a JavaScript array is not taken for a JSON array by any adapter', async () => {
        await expect(db.query('select $1::jsonb', [[1, 2]])).rejects.toThrow()
        expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
      })
      test('rows come in order, with the names of their columns; a statement without rows gives none', async () => {
        expect(await db.query('select n, n * 2 as double from generate_series(1, 2) n')).toEqual([
          { n: 1, double: 2 },
          { n: 2, double: 4 },
        ])
        expect(await db.query(`delete from ${schema}.t where id = -1`)).toEqual([])
      })
    })

    describe('errors', () => {
      test('carry SQLSTATE and constraint of a violation', async () => {
        await clear()
        await db.query(insert, [1n, 1])
        const unique = await db.query(insert, [1n, 1]).catch((error: unknown) => error)
        expect(unique).toMatchObject({ code: '23505', constraint: 't_pkey' })
        expect(violates(unique, 't_pkey')).toBe(true)
        expect(violates(unique, 'n_positive')).toBe(false)
        const check = await db.query(insert, [2n, -1]).catch((error: unknown) => error)
        expect(violates(check, 'n_positive')).toBe(true)
      })
      test('leave the database usable', async () => {
        await expect(db.query('select 1/0')).rejects.toMatchObject({ code: '22012' })
        await expect(db.query('nonsense')).rejects.toMatchObject({ code: '42601' })
        expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
      })
    })

    describe.skipIf(can.transactions)('without transactions', () => {
      test('refuses one before anything is sent, and says what to use', async () => {
        let began = false
        const run = db.transaction(async () => {
          began = true
        })
        await expect(run).rejects.toMatchObject({
          code: 'needs_session',
          message: expect.stringMatching(/neon-http .* no transactions: use DATABASE_DRIVER=neon .* or pg/),
        })
        expect(began).toBe(false)
        await expect(db.bound(new AbortController().signal).transaction(async () => 1)).rejects.toThrow(
          'no transactions',
        )
      })
    })

    describe.skipIf(!can.transactions)('a transaction', () => {
      test('commits what it wrote and gives back what the work gave', async () => {
        await clear()
        const given = await db.transaction(async (tx) => {
          await tx.query(insert, [1n, 1])
          return 'done'
        })
        expect(given).toBe('done')
        expect(await count()).toBe(1n)
      })

      test('rolls back when the work throws, and throws the same error', async () => {
        await clear()
        const thrown = new Error('changed my mind')
        const run = db.transaction(async (tx) => {
          await tx.query(insert, [1n, 1])
          throw thrown
        })
        await expect(run).rejects.toBe(thrown)
        expect(await count()).toBe(0n)
      })

      test('rolls back, and says so, when a failed statement was swallowed', async () => {
        await clear()
        const run = db.transaction(async (tx) => {
          await tx.query(insert, [1n, 1])
          await tx.query('select 1/0').catch(() => undefined)
        })
        await expect(run).rejects.toMatchObject({ code: '22012' })
        expect(await count()).toBe(0n)
      })

      test('commits after a failed statement that a savepoint undid', async () => {
        await clear()
        await db.transaction(async (tx) => {
          await tx.query(insert, [1n, 1])
          await tx.query('savepoint before')
          await tx.query('select 1/0').catch(() => undefined)
          await tx.query('rollback to savepoint before')
          await tx.query(insert, [2n, 1])
        })
        expect(await count()).toBe(2n)
      })

      test('rolls back when a statement that nobody awaited fails', async () => {
        await clear()
        const run = db.transaction(async (tx) => {
          await tx.query(insert, [1n, 1])
          void tx.query(insert, [1n, 1]).catch(() => undefined)
        })
        await expect(run).rejects.toMatchObject({ code: '23505' })
        expect(await count()).toBe(0n)
      })

      travelConformance({ db: () => db, schema, insert, count, clear })

      test('is as isolated as asked, and by default read committed', async () => {
        const isolation = (options: Parameters<Database['transaction']>[1]) =>
          db.transaction(
            async (tx) =>
              (
                await tx.query<{ level: string }>(`select current_setting('transaction_isolation') as level`)
              )[0]?.level,
            options,
          )
        expect(await isolation({})).toBe('read committed')
        expect(await isolation({ isolation: 'repeatable read' })).toBe('repeatable read')
      })

      test('read only refuses writes', async () => {
        const run = db.transaction((tx) => tx.query(insert, [1n, 1]), { readOnly: true })
        await expect(run).rejects.toMatchObject({ code: '25006' })
      })

      test('refuses a statement after its end', async () => {
        const left = await db.transaction(async (tx) => tx)
        await expect(left.query('select 1')).rejects.toThrow('The transaction is over')
      })

      test('refuses every use of the database inside itself, and works on', async () => {
        await db.transaction(async (tx) => {
          await expect(db.query('select 1')).rejects.toThrow('inside a database transaction')
          await expect(db.transaction(async () => 1)).rejects.toThrow('inside a database transaction')
          await expect(db.script('select 1')).rejects.toThrow('inside a database transaction')
          const bound = db.bound(new AbortController().signal)
          await expect(bound.query('select 1')).rejects.toThrow('inside a database transaction')
          expect(await tx.query('select 1 as one')).toEqual([{ one: 1 }])
        })
        expect(await db.query('select 2 as two')).toEqual([{ two: 2 }])
      })

      test('many at once each see only their own work', async () => {
        await clear()
        const runs = Array.from({ length: 20 }, (_, i) =>
          db.transaction(async (tx) => {
            await tx.query(insert, [BigInt(i), 1])
            if (i % 2) throw new Error('odd')
            return tx.query(`select id from ${schema}.t where id = $1`, [BigInt(i)])
          }),
        )
        const results = await Promise.allSettled(runs)
        expect(results.filter((one) => one.status === 'rejected')).toHaveLength(10)
        expect(await count()).toBe(10n)
      })
    })

    describe('an aborted signal', () => {
      const why = new Error('deadline')

      test('lets nothing start', async () => {
        await clear()
        const bound = db.bound(AbortSignal.abort(why))
        await expect(bound.query(insert, [1n, 1])).rejects.toBe(why)
        if (can.transactions)
          await expect(bound.transaction((tx) => tx.query(insert, [2n, 1]))).rejects.toBe(why)
        expect(await count()).toBe(0n)
      })

      test.skipIf(!can.transactions)(
        'rolls back the transaction it comes into, even after the last statement',
        async () => {
          await clear()
          for (const last of [true, false]) {
            const controller = new AbortController()
            const run = db.bound(controller.signal).transaction(async (tx) => {
              await tx.query(insert, [1n, 1])
              controller.abort(why)
              if (!last) await tx.query(insert, [2n, 1])
            })
            await expect(run).rejects.toBe(why)
          }
          expect(await count()).toBe(0n)
          expect(await db.query('select 1 as one')).toEqual([{ one: 1 }])
        },
      )

      test('of an outer bound ends what an inner bound runs', async () => {
        const outer = new AbortController()
        const bound = db.bound(outer.signal).bound(new AbortController().signal)
        outer.abort(why)
        await expect(bound.query('select 1')).rejects.toBe(why)
      })
    })
  })
}
