import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { oneByOne, type RunGroup, transact } from '#core/platform/database/transact.ts'

let engine: PGlite
beforeAll(async () => {
  engine = await PGlite.create()
  await engine.exec('create table t (id int primary key)')
})
afterAll(() => engine.close())

/** A real engine that tells what was sent in one go. */
function watched() {
  const groups: string[][] = []
  const run = oneByOne(async (text, params) => (await engine.query(text, params as unknown[])).rows)
  const watch: RunGroup = (statements) => {
    groups.push(statements.map(({ text }) => text.split(' ')[0] as string))
    return run(statements)
  }
  return { groups, watch }
}

describe('what a transaction sends in one go', () => {
  test.each<[string, (tx: Parameters<Parameters<typeof transact>[2]>[0]) => Promise<unknown>, string[][]]>([
    ['nothing of one that says nothing', async () => undefined, []],
    ['begin with the first statement', (tx) => tx.query('select 1'), [['begin', 'select'], ['commit']]],
    [
      'what nobody waits for with the commit',
      async (tx) => {
        await tx.query('select 1')
        tx.later('insert into t values (1)')
        tx.later('delete from t')
      },
      [
        ['begin', 'select'],
        ['insert', 'delete', 'commit'],
      ],
    ],
    [
      'what nobody waits for with the next statement',
      async (tx) => {
        await tx.query('select 1')
        tx.later('delete from t')
        await tx.query('select 2')
      },
      [['begin', 'select'], ['delete', 'select'], ['commit']],
    ],
    [
      'all of one that waits for nothing',
      async (tx) => tx.later('delete from t'),
      [['begin', 'delete', 'commit']],
    ],
  ])('%s', async (_what, work, sent) => {
    const { groups, watch } = watched()
    await transact(watch, undefined, work, {})
    expect(groups).toEqual(sent)
  })

  test('no commit, and a rollback only where a transaction was begun', async () => {
    const { groups, watch } = watched()
    const refuse = async () => {
      throw new Error('no')
    }
    await expect(transact(watch, undefined, refuse, {})).rejects.toThrow('no')
    expect(groups).toEqual([])
    const fail = transact(watch, undefined, (tx) => tx.query('select 1/0'), {})
    await expect(fail).rejects.toMatchObject({ code: '22012' })
    expect(groups).toEqual([['begin', 'select'], ['rollback']])
  })

  test('statements of one moment one after the other, so that none is under way when begin fails', async () => {
    const { groups, watch } = watched()
    await transact(watch, undefined, (tx) => Promise.all([tx.query('select 1'), tx.query('select 2')]), {})
    expect(groups).toEqual([['begin', 'select'], ['select'], ['commit']])
  })
})
