import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { readTasks } from '#core/registry/tasks/read-tasks.ts'
import { startSchedules } from '#core/runtime/run-schedules.ts'
import { timetable } from '#schedules/index.ts'
import { startSystem } from '#test/support/system.ts'

const system = await startSystem()

describe('the timetable', () => {
  test('names every file of schedules/ and no other', () => {
    const files = readdirSync('schedules').filter((name) => name !== 'index.ts')
    expect(
      Object.keys(timetable)
        .map((name) => `${name}.ts`)
        .sort(),
    ).toEqual(files.sort())
  })

  test('gives each task a time that ends before it is due again twice, and whole seconds', async () => {
    for (const [name, line] of Object.entries(timetable)) {
      const { timeoutSeconds } = (await line.load()).default
      expect(Number.isInteger(line.everySeconds), name).toBe(true)
      expect(timeoutSeconds, name).toBeLessThanOrEqual(Math.max(line.everySeconds, 120))
    }
  })

  test('runs: every task completes on a whole system, and tells counts', async () => {
    const { registry } = system
    const runs = keepRuns(registry)
    for (const task of Object.keys(timetable)) await runs.register(task)
    // Every task has become due since, and the longest delay after a due time is over.
    system.clock.advance(86_431_000)
    const schedules = startSchedules<RegistryContext>({
      service: 'registry',
      timetable,
      resources: registry,
      contextOf: (base) => ({ ...registry, ...base }),
      runs,
      leases: registry.coordination,
      holder: 'test',
    })
    const ended = async () =>
      (await readTasks(registry))
        .filter((row) => row.finished_at !== null)
        .map((row) => [row.task, row.state, row.error])
    await expect
      .poll(async () => (await ended()).length, { timeout: 20_000 })
      .toBe(Object.keys(timetable).length)
    await schedules.stop()
    expect(await ended()).toEqual(
      Object.keys(timetable)
        .sort()
        .map((task) => [task, 'completed', null]),
    )
    for (const row of await readTasks(registry))
      expect(Object.keys(row.counts ?? {}), row.task).not.toEqual([])
  })
})
