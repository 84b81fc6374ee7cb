import { beforeAll, describe, expect, test } from 'vitest'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { type Schedules, startSchedules } from '#core/runtime/run-schedules.ts'
import { timetable } from '#schedules/index.ts'
import { registerDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
const token = OPERATOR_KEY
const get = (path: string) => system.api.get(`/operator/tasks${path}`, { token })
const post = (path: string) => system.api.post(`/operator/tasks${path}`, undefined, { token })
/** The host's schedules, as it starts them. */
const start = (holder: string): Schedules =>
  startSchedules<RegistryContext>({
    service: 'registry',
    timetable,
    resources: system.registry,
    contextOf: (base) => ({ ...system.registry, ...base }),
    runs: keepRuns(system.registry),
    leases: system.registry.coordination,
    holder,
  })
const find = async (name: string) =>
  (await get('')).body.items.find((item: { name: string }) => item.name === name)
const acts = () =>
  system.registry.db.query(
    `select actor, act, object from registry.audit_trail where act like 'task.%' order by position`,
  )

beforeAll(async () => {
  system = await startSystem()
})

describe('/operator/tasks', () => {
  test('lists every task with its cadence, its rules and its next five due times', async () => {
    const { status, body } = await get('')
    expect(status).toBe(200)
    expect(body.items.map(({ name }: { name: string }) => name)).toEqual(
      Object.keys(timetable).map((name) => name.replaceAll('-', '_')),
    )
    expect(await find('mail_outbox')).toMatchObject({
      every_seconds: 60,
      interval_setting: 'task_mail_outbox_interval_seconds',
      catch_up: 'latest',
      overlap: 'skip',
      status: 'active',
      leader: null,
      last_run: null,
    })
    const { next_runs } = await find('retention')
    expect(next_runs.map((at: string) => at.slice(0, 14))).toEqual(
      ['13', '14', '15', '16', '17'].map((hour) => `2026-11-24T${hour}:`),
    )
  })

  test('is for operators alone; an unknown task is 404', async () => {
    const developer = await registerDeveloper(system)
    expect((await system.api.get('/operator/tasks')).status).toBe(401)
    expect((await system.api.get('/operator/tasks', { token: developer.token })).status).toBe(403)
    for (const path of ['/lexicon/run', '/lexicon/pause', '/lexicon/resume'])
      expect(
        (await system.api.post(`/operator/tasks${path}`, undefined, { token: developer.token })).status,
      ).toBe(403)
    for (const path of ['/nothing/run', '/nothing/pause', '/nothing/resume'])
      expect([(await post(path)).status, (await post(path)).body.code]).toEqual([404, 'not_found'])
    expect((await get('/nothing/runs')).status).toBe(404)
  })

  test('a run that is asked for waits for a leader, once, and is run by it with its moment as slot', async () => {
    const asked = await post('/fee_rate/run')
    expect([asked.status, asked.body]).toMatchObject([
      200,
      { task: 'fee_rate', trigger: 'manual', state: 'queued', attempt: 0, asked_by: 'operator:preset' },
    ])
    expect(asked.body.slot).toBe('2026-11-24T12:00:00.001Z')
    // With the other spelling too; the same run, because it has not begun.
    expect((await post('/fee-rate/run')).body).toEqual(asked.body)
    expect(await find('fee_rate')).toMatchObject({ queued: true })
    const host = start('host-1/1')
    await expect
      .poll(async () => (await get('/fee_rate/runs')).body.items[0]?.state, { timeout: 20_000 })
      .toBe('completed')
    expect(await find('fee_rate')).toMatchObject({
      queued: false,
      leader: 'host-1/1',
      age_seconds: 0,
      epoch: '0.1',
    })
    const again = await post('/fee_rate/run')
    expect(Date.parse(again.body.slot)).toBeGreaterThan(Date.parse(asked.body.slot))
    await expect
      .poll(async () => (await get('/fee_rate/runs')).body.items[0], { timeout: 20_000 })
      .toMatchObject({
        slot: again.body.slot,
        state: 'completed',
        holder: 'host-1/1',
        counts: { posted: 1 },
      })
    const health = await system.api.get('/health', { token })
    expect(health.body.tasks).toContainEqual(
      expect.objectContaining({ name: 'fee_rate', leader: 'host-1/1', age_seconds: 0 }),
    )
    await host.stop()
    expect(await find('fee_rate')).toMatchObject({ leader: null, age_seconds: null })
    expect(await acts()).toEqual(
      Array(2).fill({ actor: 'operator:preset', act: 'task.run', object: 'tasks/fee_rate' }),
    )
  })

  test('a pause holds over restarts until it is resumed; due times of the pause are nobody’s', async () => {
    const paused = await post('/genesis_grants/pause')
    expect(paused.body).toMatchObject({ status: 'paused', paused_by: 'operator:preset', next_runs: [] })
    expect((await post('/genesis_grants/pause')).body.paused_at).toBe(paused.body.paused_at)
    system.clock.advance(600_000)
    for (const holder of ['host-1/1', 'host-2/1']) {
      const host = start(holder)
      await expect
        .poll(async () => (await find('mail_outbox')).last_run?.state, { timeout: 20_000 })
        .toBe('completed')
      await expect.poll(async () => (await find('genesis_grants')).leader, { timeout: 20_000 }).toBe(holder)
      await host.stop()
    }
    expect((await get('/genesis_grants/runs')).body.items).toEqual([])
    const resumed = await post('/genesis_grants/resume')
    expect(resumed.body).toMatchObject({ status: 'active', paused_at: null })
    expect(resumed.body.next_runs).toHaveLength(5)
    const host = start('host-3/1')
    // A run that was asked for would come first: the due times before the resumption do not come at all.
    await post('/genesis_grants/run')
    await expect
      .poll(
        async () =>
          (await get('/genesis_grants/runs')).body.items.map((run: { trigger: string; state: string }) => [
            run.trigger,
            run.state,
          ]),
        { timeout: 20_000 },
      )
      .toEqual([['manual', 'completed']])
    await host.stop()
    expect((await acts()).slice(2)).toMatchObject([
      { act: 'task.pause', object: 'tasks/genesis_grants' },
      { act: 'task.resume', object: 'tasks/genesis_grants' },
      { act: 'task.run', object: 'tasks/genesis_grants' },
    ])
  })

  test('runs come in pages, the newest first', async () => {
    const page = (await get('/fee_rate/runs?limit=1')).body
    expect(page.items).toHaveLength(1)
    const next = (await get(`/fee_rate/runs?limit=1&cursor=${page.next_cursor}`)).body
    expect(Date.parse(next.items[0].slot)).toBeLessThan(Date.parse(page.items[0].slot))
    const other = await get(`/lexicon/runs?cursor=${page.next_cursor}`)
    expect([other.status, other.body.code]).toEqual([400, 'cursor_mismatch'])
  })
})

describe('the settings task_<name>_interval_seconds', () => {
  const name = 'task_settle_agents_interval_seconds'
  const patch = (body: object) => system.api.patch('/operator/settings', body, { token })

  test('show their bounds, take what is inside them, and move the due times', async () => {
    const shown = (await system.api.get('/operator/settings', { token })).body
    expect(shown[name]).toEqual({ value: 60, default: 60, minimum: 10, maximum: 3600, source: 'default' })
    expect((await patch({ [name]: 300 })).body[name]).toMatchObject({ value: 300, source: 'api' })
    expect(await find('settle_agents')).toMatchObject({ every_seconds: 300 })
    expect((await patch({ [name]: null })).body[name]).toMatchObject({ value: 60, source: 'default' })
    expect(await find('settle_agents')).toMatchObject({ every_seconds: 60 })
  })

  test.each([
    [{ [name]: 9 }, 422, 'out_of_bounds'],
    [{ [name]: 3601 }, 422, 'out_of_bounds'],
    [{ [name]: 'soon' }, 400, 'validation_failed'],
    [{ task_nothing_interval_seconds: 60 }, 400, 'validation_failed'],
    [{ nonsense: 60 }, 400, 'validation_failed'],
  ])('refuse %j with %i %s, naming the field', async (body, status, code) => {
    const answer = await patch(body)
    expect([answer.status, answer.body.code]).toEqual([status, code])
    expect(answer.body.errors[0].pointer).toBe(`/${Object.keys(body)[0]}`)
  })
})
