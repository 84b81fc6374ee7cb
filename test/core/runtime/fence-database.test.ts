import { beforeEach, describe, expect, test } from 'vitest'
import { FencedOut } from '#core/platform/tasks/epoch.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import { raiseIncarnation } from '#core/registry/tasks/raise-incarnation.ts'
import { fenceDatabase } from '#core/runtime/fence-database.ts'
import { testClock } from '#test/support/clock.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
const runs = keepRuns({ db, clock: testClock() })
await db.script(`create schema fenced; create table fenced.things (n int);
  create function fenced.sneak() returns int language sql as 'insert into fenced.things values (9) returning n';
  create sequence fenced.numbers`)
beforeEach(async () => {
  await db.script(
    'delete from fenced.things; delete from registry.task_epochs; insert into fenced.things values (0)',
  )
})
const holder = async () => {
  const epoch = await runs.takeEpoch('job', 'one')
  return { epoch, fenced: fenceDatabase(db, (tx) => runs.fence(tx, 'job', epoch)) }
}
const things = async () =>
  (await db.query<{ n: number }>('select n from fenced.things order by n')).map(({ n }) => n)

/** What writes without a transaction, in every disguise. */
const writes = [
  'insert into fenced.things values (1)',
  '  -- a comment\n update fenced.things set n = 1',
  'delete from fenced.things',
  'with gone as (delete from fenced.things returning n) select * from gone',
  'with new as (insert into fenced.things values (2) returning n) select * from new',
  'select fenced.sneak()',
  "select nextval('fenced.numbers')",
  'select n from fenced.things for update',
]

describe('the database of a task', () => {
  test.each(writes)('lets its holder write: %j', async (text) => {
    const { fenced } = await holder()
    await expect(fenced.query(text)).resolves.toBeDefined()
  })

  test.each(writes)('refuses a former holder outside any transaction: %j', async (text) => {
    const { fenced } = await holder()
    await runs.takeEpoch('job', 'two')
    await expect(fenced.query(text)).rejects.toThrow(FencedOut)
    await expect(fenced.bound(new AbortController().signal).query(text)).rejects.toThrow(FencedOut)
    await expect(fenced.unbound.query(text)).rejects.toThrow(FencedOut)
    expect(await things()).toEqual([0])
  })

  test('lets a former holder read, and refuses its transactions but those that only read', async () => {
    const { fenced } = await holder()
    await runs.takeEpoch('job', 'two')
    expect(await fenced.query('select n from fenced.things')).toEqual([{ n: 0 }])
    const read = (tx: { query(text: string): Promise<unknown[]> }) => tx.query('select n from fenced.things')
    expect(await fenced.transaction(read, { readOnly: true })).toEqual([{ n: 0 }])
    await expect(fenced.transaction(read)).rejects.toThrow(FencedOut)
    await expect(fenced.script('delete from fenced.things')).rejects.toThrow('could not be fenced')
  })

  test('counts a restored database as a new life: every former epoch is over, whatever its counter', async () => {
    for (let i = 0; i < 3; i++) await runs.takeEpoch('job', 'before')
    const { epoch, fenced } = await holder()
    expect(epoch).toEqual({ incarnation: 0, counter: 4n })
    // The restore has brought back an older counter; the TEG has seen incarnation 6 of some other time.
    await db.query('update registry.task_epochs set epoch = 2')
    expect(await raiseIncarnation(db, 6)).toBe(7)
    expect(await runs.takeEpoch('job', 'after')).toEqual({ incarnation: 7, counter: 3n })
    await expect(fenced.query(writes[0] as string)).rejects.toThrow(
      'epoch 0.4 of the task job is over: the newest is 7.3',
    )
    // What ran then is taken over now, although its counter is the higher one.
    await db.query(
      `insert into registry.task_runs (task, slot, incarnation, epoch, attempt, holder, trigger, state, started_at)
       values ('job', '2026-11-24T12:00:00Z', 0, 9, 1, 'before', 'clock', 'running', '2026-11-24T12:00:00Z')`,
    )
    const slot = new Date('2026-11-24T12:00:00Z')
    const run = {
      task: 'job',
      slot,
      epoch: { incarnation: 7, counter: 3n },
      holder: 'after',
      trigger: 'clock',
    } as const
    expect(await runs.claim(run)).toBe(2)
  })
})

describe('the same tables in the TEG’s schema', () => {
  test('keep epochs, leases and runs of its own singletons', async () => {
    const own = keepRuns({ db, clock: testClock() }, 'teg')
    const epoch = await own.takeEpoch('numberer', 'teg-1')
    await own.register('numberer')
    const slot = new Date('2026-11-24T12:00:00Z')
    expect(await own.look('numberer', epoch)).toMatchObject({ everySeconds: null, open: [] })
    const run = { task: 'numberer', slot, epoch, holder: 'teg-1', trigger: 'clock' } as const
    expect(await own.claim(run, { missed: 0 })).toBe(1)
    expect(
      await own.finish({ ...run, state: 'completed', counts: { numbered: 1 }, error: null }),
    ).not.toBeNull()
    expect(await db.query('select task, state from teg.task_runs')).toEqual([
      { task: 'numberer', state: 'completed' },
    ])
    await own.takeEpoch('numberer', 'teg-2')
    await expect(own.claim(run)).rejects.toThrow(FencedOut)
  })
})
