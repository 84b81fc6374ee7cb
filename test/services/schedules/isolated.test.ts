import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from '#core/platform/config.ts'
import { type Context, idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Database } from '#core/platform/database/database.ts'
import { silentLog } from '#core/platform/log.ts'
import { keepLeases } from '#core/platform/tasks/keep-leases.ts'
import { keepRuns } from '#core/platform/tasks/keep-runs.ts'
import { leaseSettingsOf } from '#core/runtime/leases/hold-lease.ts'
import { type Schedules, startSchedules } from '#core/runtime/run-schedules.ts'
import type { TaskNote } from '#core/runtime/schedule-deps.ts'
import { closeServer, listen, toNode } from '#core/runtime/to-node.ts'
import { buildTeg } from '#host/build-teg.ts'
import { type Isolation, openIsolation } from '#host/run-isolated.ts'
import { installedMajors, type PrivatePostgres, startPostgres } from '#test/bench/start-postgres.ts'
import { isolatedTasks } from '#test/support/crew/isolated-tasks.ts'
import { proofDatabase } from '#test/support/crew/schedule-fleet.ts'
import { runsOf } from '#test/support/crew/schedule-world.ts'

const present = installedMajors().length > 0
if (!present && process.env.REQUIRE_SERVICES === '1') throw new Error('PostgreSQL must be installed')

const TTL_MS = 1500
const TOKEN = 'service-token-for-tests-0123456789'
const ENTRY = new URL('../../support/crew/isolated-tasks.ts', import.meta.url)
const WAIT = { timeout: 40_000, interval: 50 }
const newId = idMaker(systemClock, systemRandom)

describe.skipIf(!present)('a task in a thread of its own', () => {
  let postgres: PrivatePostgres
  let serial = 0
  let db: Database
  let url: string
  let server: Server
  let tegUrl: string
  let folder: string
  let resources: Resources
  let hosts: { schedules: Schedules; isolation: Isolation }[] = []
  const notes: TaskNote[] = []
  const hints: string[] = []
  const [developer, agent] = [newId(), newId()]

  beforeAll(async () => {
    postgres = await startPostgres({ settings: { fsync: 'off' } })
  })
  beforeEach(async () => {
    for (const kept of [notes, hints]) kept.length = 0
    ;({ url, db } = await proofDatabase(postgres, `isolated_${++serial}`))
    resources = {
      db,
      coordination: openInProcess(),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    }
    const config = readConfig({ DATABASE_URL: url, TEG_DATABASE_URL: url })
    const open = () => false
    const observe = () => undefined
    const teg = await buildTeg({ config, resources, serviceToken: TOKEN, observe, draining: open })
    await teg.resources.gate.post([{ op: 'open_account', agent, did: 'did:web:x:1', owner: newId() }])
    server = toNode(teg.app, { newId, draining: open })
    tegUrl = `http://127.0.0.1:${await listen(server, 0, '127.0.0.1')}`
    folder = mkdtempSync(join(tmpdir(), 'ninefold-isolated-'))
    writeFileSync(at('grant'), JSON.stringify({ developer, agent }))
  })
  afterEach(async () => {
    await Promise.all(hosts.map(({ schedules }) => schedules.stop(100)))
    await Promise.all(hosts.map(({ isolation }) => isolation.close()))
    hosts = []
    await closeServer(server, 1000)
    await db.close()
    rmSync(folder, { recursive: true, force: true })
  })
  afterAll(() => postgres?.stop())

  const at = (name: string) => join(folder, name)
  const inside = () => expect.poll(() => existsSync(at('inside')), WAIT).toBe(true)
  const runs = (task: string) => runsOf(db, task)
  const threadSessions = async () =>
    (
      await db.query(`select 1 from pg_stat_activity where application_name = 'ninefold-task'
      and datname = current_database()`)
    ).length

  /** Threads as the host of this world gives them. */
  function isolate(entry?: URL): Isolation {
    const config = readConfig({
      HOST_SERVICES: 'registry',
      DATABASE_URL: url,
      TEG_URL: tegUrl,
      TEG_SERVICE_TOKEN: TOKEN,
      TASK_LEASE_MS: String(TTL_MS),
      DATA_DIR: folder,
      LOG_LEVEL: 'error',
    })
    const wake = (hint: string) => void hints.push(hint)
    const own = entry ? { entry, memoryMb: 128 } : {}
    return openIsolation({ config, db, wake, ...own }) as Isolation
  }

  /** A process of a registry, as the host makes it, that competes for one of the tasks. */
  async function start(task: string, holder = 'host'): Promise<Schedules> {
    await db.query(
      `insert into registry.tasks (task, known_since)
       values ($1, clock_timestamp() - interval '7 days') on conflict do nothing`,
      [task],
    )
    const isolation = isolate(ENTRY)
    const settings = leaseSettingsOf(TTL_MS)
    const line = isolatedTasks[task]
    if (!line) throw new Error(`no task ${task}`)
    const schedules = startSchedules<Context>({
      service: 'registry',
      timetable: { [task]: line },
      resources,
      contextOf: (base) => base,
      runs: keepRuns(resources, 'registry', settings.giveUpMs),
      leases: keepLeases(resources),
      holder,
      settings,
      isolated: isolation.run,
      note: (one) => notes.push(one),
    })
    hosts.push({ schedules, isolation })
    return schedules
  }

  test('may block for longer than the lease lives: its process answers, renews, and records one completed run', async () => {
    await start('long')
    await inside()
    await start('long', 'heir')
    const lease = async () =>
      (await db.query<{ until: Date }>('select until from registry.task_leases'))[0]?.until.getTime() ?? 0
    const first = await lease()
    // Renewed by the event loop that also serves: beyond twice what the lease would have lived without.
    await expect.poll(lease, WAIT).toBeGreaterThan(first + 2 * TTL_MS)
    expect((await fetch(`${tegUrl}/healthz`)).status).toBeLessThan(500)
    expect(await runs('long')).toMatchObject([{ state: 'running', holder: 'host', attempt: 1 }])
    writeFileSync(at('go'), '')
    await expect
      .poll(() => runs('long'), WAIT)
      .toMatchObject([
        { state: 'completed', holder: 'host', attempt: 1, epoch: 1n, counts: { granted: 1 }, error: null },
      ])
    expect(await db.query('select holder, epoch from proof.writes')).toEqual([
      { holder: 'thread', epoch: 1n },
    ])
    expect(notes.map(({ what }) => what)).toEqual(['taken'])
  })

  test('has the context of its process: its command to the TEG carries the fence, its hints arrive', async () => {
    writeFileSync(at('go'), '')
    await start('long')
    await expect.poll(() => runs('long'), WAIT).toMatchObject([{ state: 'completed' }])
    expect(await db.query('select developer from teg.grants')).toEqual([{ developer }])
    expect(await db.query('select task, epoch from teg.task_epochs')).toEqual([{ task: 'long', epoch: 1n }])
    expect(hints).toEqual(['mail'])
    await expect.poll(threadSessions, WAIT).toBe(0)
  })

  test('is refused every write when a newer holder exists, and the run is begun again', async () => {
    await start('long')
    await inside()
    expect(await keepRuns(resources).takeEpoch('long', 'heir')).toMatchObject({ counter: 2n })
    writeFileSync(at('go'), '')
    await expect.poll(() => runs('long'), WAIT).toMatchObject([{ state: 'completed', attempt: 2, epoch: 3n }])
    expect(await db.query('select epoch from proof.writes')).toEqual([{ epoch: 3n }])
    expect(notes.map(({ what }) => what)).toContain('fenced')
  })

  test('is ended by its timeout out of a loop without end: its transaction is rolled back, the next run comes', async () => {
    await start('endless')
    await inside()
    const nth = async (at: number) => (await runs('endless'))[at]
    const error = expect.stringContaining('did not end within 8 s')
    await expect.poll(() => nth(0), WAIT).toMatchObject({ state: 'timed_out', error })
    const beats = readFileSync(at('beats'), 'utf8').length
    expect(beats).toBeGreaterThan(0)
    expect(await db.query('select 1 from proof.writes')).toEqual([])
    await expect.poll(() => nth(1), WAIT).toMatchObject({ state: 'completed', counts: { again: 1 } })
    expect(await nth(1)).toMatchObject({ epoch: 1n })
    // It was over when it was recorded, and not only left behind.
    expect(readFileSync(at('beats'), 'utf8')).toHaveLength(beats)
  })

  test('is one of the timetable of its host; another is refused', async () => {
    const isolation = isolate()
    const { signal } = new AbortController()
    const epoch = await keepRuns(resources).takeEpoch('fee-rate', 'host')
    const run = { task: 'fee-rate', slot: new Date(0), epoch }
    expect(await isolation.run(run, signal)).toEqual({ posted: 1 })
    await expect(isolation.run({ ...run, task: 'unheard-of' }, signal)).rejects.toThrow(
      'not in the timetable',
    )
    await expect(isolation.run(run, AbortSignal.abort(new Error('too late')))).rejects.toThrow('too late')
    await isolation.close()
    await expect.poll(threadSessions, WAIT).toBe(0)
  })

  test('waits until the thread of the run before is gone', async () => {
    const isolation = isolate(ENTRY)
    const { signal } = new AbortController()
    const epoch = await keepRuns(resources).takeEpoch('long', 'host')
    const run = { task: 'long', slot: new Date(0), epoch }
    const first = isolation.run(run, signal)
    const second = isolation.run({ ...run, slot: new Date(1000) }, signal)
    await inside()
    // Time enough for a thread to start and end: another task has one.
    await expect(isolation.run({ ...run, task: 'faulty' }, signal)).rejects.toMatchObject({
      name: 'RangeError',
    })
    expect(readFileSync(at('inside'), 'utf8')).toBe('x')
    writeFileSync(at('go'), '')
    await Promise.all([first, second])
    expect(readFileSync(at('inside'), 'utf8')).toBe('xx')
    const written = await db.query<{ slot: Date }>('select slot from proof.writes order by id')
    expect(written.map(({ slot }) => slot.getTime())).toEqual([0, 1000])
    await isolation.close()
  })

  test('is told of a stop, with its reason, and ends as interrupted', async () => {
    const schedules = await start('polite')
    await inside()
    await schedules.stop(100)
    expect(readFileSync(at('told'), 'utf8')).toBe('this instance is stopping')
    expect(await runs('polite')).toMatchObject([{ state: 'interrupted' }])
  })

  test.each([
    ['faulty', 'RangeError: the sum does not fit'],
    ['stray', 'RangeError: thrown by a timer'],
    ['gone', 'Error: the thread of the task ended without an answer'],
    ['hungry', expect.stringContaining('memory limit')],
  ])('that fails by being %s is recorded as failed, and its process lives on', async (task, error) => {
    await start(task)
    await expect.poll(() => runs(task), WAIT).toMatchObject([{ state: 'failed', error, attempt: 1 }])
    expect(notes.map(({ what }) => what)).toEqual(['taken'])
    await expect.poll(threadSessions, WAIT).toBe(0)
  })
})
