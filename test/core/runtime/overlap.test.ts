import { beforeEach, describe, expect, test } from 'vitest'
import type { Context } from '#core/platform/context.ts'
import type { LineRules } from '#core/platform/tasks/line.ts'
import { knowTask, runsOf, scheduleWorld } from '#test/support/crew/schedule-world.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
beforeEach(async () => {
  await db.script(
    'delete from registry.task_runs; delete from registry.task_epochs; delete from registry.tasks; delete from registry.outbox',
  )
})
const failures = async () =>
  (
    await db.query<{ data: { slot: string } }>(
      `select type, subject, data, audience from registry.outbox where type = 'task.failed' order by data ->> 'slot'`,
    )
  ).map((row) => ({ ...row, data: { ...row.data, slot: row.data.slot.slice(11, 16) } }))

/** Runs a task of every minute that needs 100 s each time, for five minutes. */
async function runLong(rules: LineRules) {
  const { time, start } = scheduleWorld(db)
  await knowTask(db, 'long', new Date('2026-11-24T12:00:00.000Z'))
  const began: string[] = []
  const host = start('one', {
    long: {
      everySeconds: 60,
      timeoutSeconds: 600,
      ...rules,
      async run(ctx: Context, { slot }) {
        began.push(slot.toISOString().slice(11, 16))
        await time.sleep(100_000, ctx.signal)
        ctx.signal.throwIfAborted()
        return {}
      },
    },
  })
  await time.advance(285_000)
  const rows = (await runsOf(db, 'long')).map(({ slot, state }) => [slot.toISOString().slice(11, 16), state])
  const stopped = host.stop(0)
  await time.advance(5_000)
  await stopped
  return { began, rows }
}

describe('a task that is due again while it runs', () => {
  // It begins at 12:00:30 with the due time of 12:00, and each run wants 100 s; jitter moves a start by seconds.
  test.each<[string, LineRules, [string, string][]]>([
    [
      'skip: due times that come while it runs are passed over',
      { overlap: 'skip' },
      [
        ['12:00', 'completed'],
        ['12:03', 'completed'],
        ['12:05', 'running'],
      ],
    ],
    [
      'queue-one: the latest of those that came is run at once',
      { overlap: 'queue-one' },
      [
        ['12:00', 'completed'],
        ['12:02', 'completed'],
        ['12:03', 'running'],
      ],
    ],
    [
      'cancel: the run is told to end, and the new due time is run',
      { overlap: 'cancel' },
      [
        ['12:00', 'cancelled'],
        ['12:01', 'cancelled'],
        ['12:02', 'cancelled'],
        ['12:03', 'cancelled'],
        ['12:04', 'cancelled'],
        ['12:05', 'running'],
      ],
    ],
    [
      'all caught up on: every due time is run, one after another',
      { catchUp: { max: 10, windowSeconds: 3600 } },
      [
        ['12:00', 'completed'],
        ['12:01', 'completed'],
        ['12:02', 'running'],
      ],
    ],
  ])('%s', async (_name, rules, wanted) => {
    const { began, rows } = await runLong(rules)
    expect(rows).toEqual(wanted)
    expect(began).toEqual(wanted.map(([slot]) => slot))
    // To be cancelled for the next due time is the policy's doing, no failure.
    expect(await failures()).toEqual([])
  })
})

describe('task.failed', () => {
  test('is told of a run that fails or runs out of time, once, with the name of the error alone', async () => {
    const { time, start } = scheduleWorld(db)
    const host = start('one', {
      'ill-fated': {
        everySeconds: 60,
        timeoutSeconds: 20,
        async run(ctx: Context, { slot }) {
          if (slot.getUTCMinutes() === 0) throw new TypeError('postgres://owner:secret@db is not reachable')
          if (slot.getUTCMinutes() === 1) await time.sleep(40_000, ctx.signal)
          ctx.signal.throwIfAborted()
          return {}
        },
      },
    })
    await time.advance(120_000)
    await host.stop()
    expect((await runsOf(db, 'ill-fated')).map(({ state }) => state)).toEqual([
      'failed',
      'timed_out',
      'completed',
    ])
    const about = { type: 'task.failed', subject: 'tasks/ill_fated', audience: [] }
    expect(await failures()).toEqual([
      { ...about, data: { task: 'ill_fated', slot: '12:00', state: 'failed', error: 'TypeError' } },
      { ...about, data: { task: 'ill_fated', slot: '12:01', state: 'timed_out', error: 'TimedOut' } },
    ])
  })

  test('is told of a run that is given up because it ends its holders', async () => {
    const { time, clock, start } = scheduleWorld(db)
    const slot = new Date('2026-11-24T12:00:00.000Z')
    await db.query(`insert into registry.tasks (task, known_since, last_slot) values ('deadly', $1, $1)`, [
      slot,
    ])
    await db.query(
      `insert into registry.task_runs (task, slot, epoch, attempt, holder, trigger, state, started_at)
       values ('deadly', $1, 0, 5, 'dead', 'clock', 'running', $2)`,
      [slot, clock.now()],
    )
    const host = start('one', { deadly: { everySeconds: 60, timeoutSeconds: 20, run: async () => ({}) } })
    await time.advance(0)
    await host.stop()
    expect(await runsOf(db, 'deadly')).toMatchObject([{ state: 'abandoned' }])
    expect(await failures()).toMatchObject([{ data: { task: 'deadly', state: 'abandoned', error: null } }])
  })
})
