import { beforeEach, describe, expect, test } from 'vitest'
import type { Context } from '#core/platform/context.ts'
import { systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { silentLog } from '#core/platform/log-fields.ts'
import { keepLeases } from '#core/platform/tasks/keep-leases.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import { describeLine, type LineRules } from '#core/platform/tasks/line.ts'
import { jitterMs } from '#core/platform/tasks/slots.ts'
import type { Run, Schedule } from '#core/runtime/define-schedule.ts'
import { runTimer, type TimerDeps } from '#core/runtime/run-timer.ts'
import { testClock } from '#test/support/clock.ts'
import { knowTask, runsOf } from '#test/support/crew/schedule-world.ts'
import { testDatabase } from '#test/support/database.ts'
import { fakeTime } from '#test/support/time.ts'

const db = await testDatabase()
beforeEach(async () => {
  await db.script(`delete from registry.task_runs; delete from registry.task_epochs; delete from registry.tasks;
    delete from registry.task_leases; drop table if exists effects; create table effects (slot timestamptz, holder text)`)
})

const AT = new Date('2026-11-24T12:00:30.000Z')
const known = new Date('2026-11-24T00:00:00.000Z')

/** Instances that timers wake: each event opens its own, on the one database. */
function timerWorld(
  run: (ctx: Context, run: Run) => Promise<Record<string, number>>,
  rules: LineRules & { everySeconds?: number; timeoutSeconds?: number } = {},
) {
  const { everySeconds = 60, timeoutSeconds = 20, ...line } = rules
  const clock = testClock(AT)
  const schedule: Schedule<Context> = { timeoutSeconds, run }
  let serial = 0
  const wake = (more: Partial<TimerDeps<Context>> = {}) => {
    const resources = { db, coordination: openInProcess(), clock, random: systemRandom, log: silentLog }
    return runTimer<Context>({
      service: 'registry',
      line: describeLine('job', { everySeconds, ...line }),
      schedule,
      resources,
      contextOf: (context) => context,
      runs: {
        ...keepRuns(resources),
        register: (task: string) => knowTask(db, task, known),
      },
      leases: keepLeases(resources),
      holder: `instance-${++serial}`,
      signal: new AbortController().signal,
      time: fakeTime(),
      ...more,
    })
  }
  return { clock, wake }
}
/** The deed of a task that counts: it writes under the fence. */
const write = async (ctx: Context, { slot }: Run) => {
  await ctx.db.query('insert into effects (slot, holder) values ($1, $2)', [slot, ctx.requestId])
  return { written: 1 }
}
const effects = async () =>
  (await db.query<{ slot: Date }>('select slot from effects order by slot')).map(({ slot }) =>
    slot.toISOString().slice(11, 16),
  )
const states = async () =>
  (await runsOf(db, 'job')).map(({ slot, state }) => [slot.toISOString().slice(11, 16), state])

describe('a timer', () => {
  test('that comes twice runs a due time once', async () => {
    const { wake } = timerWorld(write)
    expect(await wake()).toEqual({
      state: 'done',
      ran: [{ slot: '2026-11-24T12:00:00.000Z', state: 'completed' }],
    })
    expect(await wake()).toEqual({ state: 'done', ran: [] })
    expect(await effects()).toEqual(['12:00'])
    expect(await states()).toEqual([['12:00', 'completed']])
  })

  test('that comes ten times at once runs a due time once: the others find it held, or done', async () => {
    const { wake, clock } = timerWorld(write)
    for (let minute = 0; minute < 5; minute++) {
      const results = await Promise.all(Array.from({ length: 10 }, () => wake()))
      expect(results.flatMap(({ ran }) => ran)).toHaveLength(1)
      clock.advance(60_000)
    }
    expect(await effects()).toEqual(['12:00', '12:01', '12:02', '12:03', '12:04'])
    expect(new Set((await states()).map(([, state]) => state))).toEqual(new Set(['completed']))
  })

  test('that comes an hour late runs the latest due time, or all of them, as the task’s rule says', async () => {
    const latest = timerWorld(write)
    await latest.wake()
    latest.clock.advance(3_600_000)
    await latest.wake()
    expect(await effects()).toEqual(['12:00', '13:00'])
    await db.script('delete from effects; delete from registry.task_runs; delete from registry.tasks')
    const all = timerWorld(write, { catchUp: { max: 5, windowSeconds: 86_400 }, everySeconds: 900 })
    await all.wake()
    await db.script('delete from effects')
    all.clock.advance(3_600_000)
    const results = await Promise.all([all.wake(), all.wake(), all.wake()])
    expect(results.flatMap(({ ran }) => ran)).toHaveLength(4)
    expect(await effects()).toEqual(['12:15', '12:30', '12:45', '13:00'])
  })

  // Its clock is moved by hand and waits for no server.
  test.skipIf(db.kind === 'pg')(
    'waits for the start of a due time that is spread, and for nothing else',
    async () => {
      const { clock, wake } = timerWorld(write)
      clock.set(new Date('2026-11-24T12:00:00.000Z'))
      const spread = jitterMs('job', clock.now().getTime(), { everySeconds: 60 })
      expect(spread).toBeGreaterThan(0)
      const time = fakeTime({ onMove: (milliseconds) => clock.advance(milliseconds) })
      const woken = wake({ time })
      await time.advance(7000)
      await woken
      expect((await effects()).at(-1)).toBe('12:00')
      expect(clock.now().getTime()).toBeLessThan(new Date('2026-11-24T12:00:31.000Z').getTime())
    },
  )

  test('of a run that fails is a failure itself; the run is recorded, and the next due time is run again', async () => {
    let fails = true
    const { clock, wake } = timerWorld(async (ctx, run) => {
      if (fails) throw new Error('no such luck')
      return write(ctx, run)
    })
    await expect(wake()).rejects.toThrow('2026-11-24T12:00:00.000Z failed')
    expect(await states()).toEqual([['12:00', 'failed']])
    // The host's retry of the same event finds the due time dealt with.
    expect(await wake()).toEqual({ state: 'done', ran: [] })
    fails = false
    clock.advance(60_000)
    await wake()
    expect(await effects()).toEqual(['12:01'])
  })

  test('whose instance ends in the middle leaves the run to the next one, which counts the attempt', async () => {
    const ending = new AbortController()
    let isFirst = true
    const { wake } = timerWorld(async (ctx, run) => {
      if (isFirst) {
        isFirst = false
        ending.abort(new Error('the time of the instance is over'))
        ctx.signal.throwIfAborted()
      }
      return write(ctx, run)
    })
    await expect(wake({ signal: ending.signal })).rejects.toThrow('interrupted')
    expect(await wake()).toMatchObject({ ran: [{ state: 'completed' }] })
    expect(await effects()).toEqual(['12:00'])
    expect(await runsOf(db, 'job')).toMatchObject([{ attempt: 2, state: 'completed', holder: 'instance-2' }])
  })

  test('of an instance that was frozen and wakes when another has the task writes nothing any more', async () => {
    const frozen = Promise.withResolvers<void>()
    const began = Promise.withResolvers<void>()
    let isFirst = true
    const { clock, wake } = timerWorld(async (ctx, run) => {
      if (isFirst) {
        isFirst = false
        began.resolve()
        await frozen.promise
      }
      return write(ctx, run)
    })
    const first = wake().catch((error: unknown) => error)
    await began.promise
    // Longer than its lease: nobody has renewed it.
    clock.advance(16_000)
    expect(await wake()).toMatchObject({ ran: [{ state: 'completed' }] })
    frozen.resolve()
    expect(await first).toBeInstanceOf(Error)
    expect(await effects()).toEqual(['12:00'])
    expect(await runsOf(db, 'job')).toMatchObject([{ attempt: 2, holder: 'instance-2', state: 'completed' }])
  })

  test('finds a task that is paused, and leaves it alone', async () => {
    const { wake } = timerWorld(write)
    await knowTask(db, 'job', known)
    await db.query('update registry.tasks set paused_at = $1, paused_by = $2 where task = $3', [
      AT,
      'ops',
      'job',
    ])
    expect(await wake()).toEqual({ state: 'done', ran: [] })
    expect(await effects()).toEqual([])
  })

  test('fails when the store does not answer, rather than pass for a task that is busy', async () => {
    const { wake } = timerWorld(write)
    const away = async (): Promise<never> => {
      throw new Error('the database is away')
    }
    const leases = { acquireLease: away, renewLease: away, releaseLease: async () => undefined }
    await expect(wake({ leases })).rejects.toThrow('the database is away')
  })
})
