import { beforeEach, describe, expect, test } from 'vitest'
import type { Context } from '#core/platform/context.ts'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import { slotAt } from '#core/platform/tasks/slots.ts'
import { readTasks } from '#core/registry/tasks/read-tasks.ts'
import type { Run } from '#core/runtime/define-schedule.ts'
import { testClock } from '#test/support/clock.ts'
import { runsOf, scheduleWorld } from '#test/support/crew/schedule-world.ts'
import { testDatabase } from '#test/support/database.ts'

const db = await testDatabase()
beforeEach(async () => {
  await db.script(
    'delete from registry.task_runs; delete from registry.task_epochs; delete from registry.tasks',
  )
})

const task = (
  run: (ctx: Context, run: Run) => Promise<Record<string, number>>,
  everySeconds = 60,
  timeoutSeconds = 20,
) => ({
  everySeconds,
  timeoutSeconds,
  run,
})

describe('schedules', () => {
  test('run each due time once across several processes, with a row that tells of it', async () => {
    const { time, start, measures } = scheduleWorld(db)
    const ran: string[] = []
    const tasks = {
      counting: task(async (ctx, run) => {
        ran.push(run.slot.toISOString())
        expect(ctx.caller).toEqual({ kind: 'service', name: 'task:counting' })
        return { counted: 3 }
      }),
    }
    const hosts = [start('one', tasks), start('two', tasks), start('three', tasks)]
    await time.advance(180_000)
    await Promise.all(hosts.map((host) => host.stop()))
    const slots = ['12:00', '12:01', '12:02', '12:03'].map((at) => `2026-11-24T${at}:00.000Z`)
    expect(ran).toEqual(slots)
    // Who leads is not the promise: on a server's real latency the moved clock may pass the lease on. Epochs only grow.
    const runs = await runsOf(db, 'counting')
    expect(
      runs.map(({ slot, attempt, state, counts, error }) => [
        slot.toISOString(),
        attempt,
        state,
        counts,
        error,
      ]),
    ).toEqual(slots.map((slot) => [slot, 1, 'completed', { counted: 3 }, null]))
    const epochs = runs.map((row) => row.epoch)
    expect(epochs).toEqual([...epochs].sort((x, y) => Number(x - y)))
    expect(measures.map(({ task: name, state }) => [name, state])).toEqual(
      Array(4).fill(['counting', 'completed']),
    )
    expect(measures[1]?.lagSeconds).toBeLessThan(0.1)
  })

  test('run in the process what asks for a thread, where none is to be had', async () => {
    const { time, start } = scheduleWorld(db)
    let ran = 0
    const host = start('one', { computing: { ...task(async () => ({ count: ++ran })), isolate: true } })
    await time.advance(1000)
    await host.stop()
    expect(await runsOf(db, 'computing')).toMatchObject([{ state: 'completed', counts: { count: 1 } }])
  })

  test('a stop hands the task over, and no due time is run twice or left out', async () => {
    const { time, clock, start } = scheduleWorld(db)
    const ran: string[] = []
    const tasks = { handed: task(async (_ctx, run) => ran.push(run.slot.toISOString().slice(11, 16)) && {}) }
    const one = start('one', tasks)
    await time.advance(0)
    const two = start('two', tasks)
    await time.advance(60_000)
    expect([...one.held()]).toEqual([['handed', 1n]])
    await one.stop()
    await time.advance(120_000)
    expect([...two.held()]).toEqual([['handed', 2n]])
    await two.stop()
    expect(ran).toEqual(['12:00', '12:01', '12:02', '12:03'])
    const states = await readTasks({ db, clock })
    expect(states).toMatchObject([{ task: 'handed', epoch: 2n, holder: 'two', state: 'completed' }])
    expect(states[0]?.released_at).not.toBeNull()
  })

  test('missed due times are not made up for: only the latest is run', async () => {
    const { time, clock, start } = scheduleWorld(db)
    const ran: string[] = []
    const tasks = { late: task(async (_ctx, run) => ran.push(run.slot.toISOString().slice(11, 16)) && {}) }
    const one = start('one', tasks)
    await time.advance(0)
    await one.stop()
    clock.advance(3_600_000)
    const two = start('two', tasks)
    await time.advance(0)
    await two.stop()
    expect(ran).toEqual(['12:00', '13:00'])
  })

  test('a failing run is recorded and logged, and does not end the others', async () => {
    const { time, start, lines } = scheduleWorld(db)
    const host = start('one', {
      failing: task(async () => {
        throw new Error('no such luck')
      }),
      fine: task(async () => ({ done: 1 })),
    })
    await time.advance(60_000)
    await host.stop()
    expect((await runsOf(db, 'failing')).map((row) => [row.state, row.error])).toEqual(
      Array(2).fill(['failed', 'Error: no such luck']),
    )
    expect((await runsOf(db, 'fine')).map((row) => row.state)).toEqual(['completed', 'completed'])
    expect(lines.filter((line) => line.includes('a task has failed'))).toHaveLength(2)
  })

  test('a run beyond its timeout is told by its signal and refused by its database, then recorded as timed_out', async () => {
    const { time, start } = scheduleWorld(db)
    let seen: unknown
    let refused: unknown
    const host = start('one', {
      slow: task(async (ctx) => {
        await time.sleep(30_000, ctx.signal)
        seen = ctx.signal.reason
        refused = await ctx.db.query('select 1').catch((error: unknown) => error)
        return {}
      }),
      deaf: task(() => time.sleep(45_000).then(() => ({}))),
    })
    await time.advance(25_000)
    expect(seen).toMatchObject({ name: 'TimedOut' })
    expect(refused).toBe(seen)
    // The one that ended all the same has done its work; the one that did not even look is left behind.
    expect(await runsOf(db, 'slow')).toMatchObject([{ state: 'completed' }])
    expect(await runsOf(db, 'deaf')).toMatchObject([
      { state: 'timed_out', error: 'TimedOut: the task deaf did not end within 20 s' },
    ])
    const stopped = host.stop()
    await time.advance(60_000)
    await stopped
  })

  test('writes of a former holder are refused in their own transaction', async () => {
    const { time, start, lines } = scheduleWorld(db)
    await db.script('create table if not exists effects (n int); delete from effects')
    const gate = Promise.withResolvers<void>()
    const outcome = Promise.withResolvers<unknown>()
    const host = start('old', {
      fenced: task(async (ctx) => {
        await gate.promise
        outcome.resolve(
          await ctx.db
            .transaction((tx) => tx.query('insert into effects values (1)'))
            .catch((error: unknown) => error),
        )
        return {}
      }),
    })
    await time.advance(0)
    // A pause of this process that its timers did not see: another has taken the task meanwhile.
    await keepRuns({ db, clock: testClock() }).takeEpoch('fenced', 'new')
    gate.resolve()
    await time.advance(0)
    expect(await outcome.promise).toMatchObject({ name: 'FencedOut' })
    expect(await db.query('select n from effects')).toEqual([])
    expect(lines.some((line) => line.includes('a task was taken over while it ran'))).toBe(true)
    await host.stop()
  })

  test('a run whose holder died is taken over by the next one as a further attempt', async () => {
    const { time, clock, start } = scheduleWorld(db)
    const runs = keepRuns({ db, clock })
    const epoch = await runs.takeEpoch('orphan', 'dead')
    const slot = new Date(slotAt(clock.now().getTime(), 60))
    expect(await runs.claim({ task: 'orphan', slot, epoch, holder: 'dead', trigger: 'clock' })).toBe(1)
    const host = start('heir', { orphan: task(async () => ({ done: 1 })) })
    await time.advance(0)
    await host.stop()
    expect(await runsOf(db, 'orphan')).toMatchObject([
      { attempt: 2, epoch: 2n, holder: 'heir', state: 'completed' },
    ])
    const late = { task: 'orphan', slot, epoch, state: 'completed' as const, counts: {}, error: null }
    expect(await runs.finish(late)).toBeNull()
  })

  test('a stop lets a run end within the grace, aborts it after, and leaves it to the next holder', async () => {
    const { time, start } = scheduleWorld(db)
    const endless = {
      endless: task(
        async (ctx: Context) => {
          await time.sleep(60_000, ctx.signal)
          ctx.signal.throwIfAborted()
          return {}
        },
        3600,
        700,
      ),
      brief: task(
        async (ctx: Context) => {
          await time.sleep(3_000, ctx.signal)
          ctx.signal.throwIfAborted()
          return { done: 1 }
        },
        3600,
        700,
      ),
    }
    const one = start('one', endless)
    await time.advance(2_000)
    const stopped = one.stop(5_000)
    await time.advance(5_000)
    await stopped
    expect(await runsOf(db, 'brief')).toMatchObject([{ state: 'completed' }])
    expect(await runsOf(db, 'endless')).toMatchObject([
      { state: 'interrupted', attempt: 1, error: 'Error: this instance is stopping' },
    ])
    const two = start('two', endless)
    await time.advance(65_000)
    await two.stop()
    expect(await runsOf(db, 'endless')).toMatchObject([{ state: 'completed', attempt: 2, holder: 'two' }])
  })

  test('an outage of the lease store interrupts the run, and the task goes on when it is back', async () => {
    const { time, coordination, start } = scheduleWorld(db)
    let away = false
    const leases: Pick<Coordination, 'acquireLease' | 'renewLease' | 'releaseLease'> = {
      acquireLease: async (...args) => !away && coordination.acquireLease(...args),
      renewLease: async (...args) => (away ? 'unknown' : coordination.renewLease(...args)),
      releaseLease: (...args) => coordination.releaseLease(...args),
    }
    const host = start('one', { steady: task(async () => ({})) }, leases)
    await time.advance(60_000)
    away = true
    await time.advance(120_000)
    expect([...host.held()]).toEqual([])
    away = false
    await time.advance(60_000)
    expect([...host.held()]).toEqual([['steady', 2n]])
    await host.stop()
    const slots = (await runsOf(db, 'steady')).map((row) => row.slot.toISOString().slice(11, 16))
    expect(slots).toEqual(['12:00', '12:01', '12:03', '12:04'])
  })

  test('keeps the last thousand runs of a task', async () => {
    const { clock } = scheduleWorld(db)
    const runs = keepRuns({ db, clock })
    const epoch = await runs.takeEpoch('many', 'one')
    const slot = (n: number) => new Date(n * 60_000)
    await db.query(
      `insert into registry.task_runs (task, slot, epoch, attempt, holder, trigger, state, started_at)
       select 'many', to_timestamp(n * 60), $1, 1, 'one', 'clock', 'completed', to_timestamp(n * 60)
       from generate_series(1, 1500) n`,
      [epoch.counter],
    )
    await runs.claim({ task: 'many', slot: slot(1501), epoch, holder: 'one', trigger: 'clock' })
    await runs.finish({ task: 'many', slot: slot(1501), epoch, state: 'completed', counts: {}, error: null })
    const kept = await runsOf(db, 'many')
    expect(kept).toHaveLength(1001)
    expect(kept[0]?.slot).toEqual(slot(501))
  })
})
