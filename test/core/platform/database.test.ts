import { describe, expect, test } from 'vitest'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()

describe('Database', () => {
  test('gives int8 as bigint and timestamptz as Date', async () => {
    const rows = await db.query<{ n: bigint; t: Date }>('select $1::int8 as n, $2::timestamptz as t', [
      5n,
      new Date(0),
    ])
    expect(rows).toEqual([{ n: 5n, t: new Date(0) }])
  })
})
