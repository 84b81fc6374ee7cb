import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type Crew, startCrew } from '#test/support/crew/crew.ts'
import { sendSteadily } from '#test/support/crew/steady-load.ts'

// Each test starts several processes: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 120_000 })
const PATIENT = { timeout: 60_000, interval: 20 }

const crews: Crew[] = []
afterEach(async () => {
  for (const crew of crews.splice(0)) await crew.remove()
})
const start = async (...given: Parameters<typeof startCrew>): Promise<Crew> => {
  const crew = await startCrew(...given)
  crews.push(crew)
  return crew
}
const workersOf = (crew: Crew): number[] =>
  readFileSync(`/proc/${crew.pid}/task/${crew.pid}/children`, 'utf8')
    .trim()
    .split(/\s+/)
    .filter(Boolean)
    .map(Number)
const get = { method: 'GET', path: '/' } as const
/** Waits for a line of the primary's log. */
const said = (crew: Crew, message: string, count = 1) =>
  expect.poll(() => crew.lines(message), PATIENT).toBeGreaterThanOrEqual(count)
/** The value of a sample by its name and labels as they are written. */
const figure = (text: string, sample: string): number | undefined => {
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
  return line === undefined ? undefined : Number(line.slice(sample.length + 1))
}
const COUNT = 'http_request_duration_seconds_count{function="crew",method="GET",route="/",status="200"}'

describe('a crew of workers', () => {
  test('shares the load; a killed worker is replaced in its place, the others serve on', async () => {
    const crew = await start(3)
    const before = workersOf(crew)
    expect(before).toHaveLength(3)
    const answers = await Promise.all(Array.from({ length: 60 }, () => crew.sender.send(get, true)))
    expect(new Set(answers.map(({ text }) => Number(text)))).toEqual(new Set(before))
    process.kill(before[1] as number, 'SIGKILL')
    await said(crew, 'a worker is ready', 4)
    const after = workersOf(crew)
    expect(after).toEqual([before[0], before[2], expect.any(Number)])
    expect(crew.output()).toContain('"worker":2,"code":"SIGKILL"')
  })

  test('leaves no client hanging when workers are killed while connections are passed to them', async () => {
    const crew = await start(4, {}, { stableMs: 1 })
    const load = sendSteadily(crew.sender, 600, () => get)
    for (let turn = 0; turn < 12; turn++) {
      await wait(250)
      const pids = workersOf(crew)
      const victim = pids[turn % Math.max(1, pids.length)]
      if (victim !== undefined) process.kill(victim, 'SIGKILL')
    }
    await load.stop()
    const failed = new Set(load.landed.filter(({ status }) => status !== 200).map(({ text }) => text))
    // Refused is who comes in a moment without any worker.
    expect(['ECONNRESET', 'EPIPE', 'ECONNREFUSED']).toEqual(expect.arrayContaining([...failed]))
  })

  test('is changed one by one on SIGHUP, with no failed request over kept and fresh connections', async () => {
    const crew = await start(3)
    const before = workersOf(crew)
    const load = sendSteadily(crew.sender, 300, () => get)
    crew.signal('SIGHUP')
    await said(crew, 'all workers are changed')
    await load.stop()
    expect(load.landed.filter(({ status }) => status !== 200)).toEqual([])
    const after = workersOf(crew)
    expect(after).toHaveLength(3)
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
    // Every request was counted, though the workers that answered most of them are gone.
    expect(figure(await crew.metrics(), COUNT)).toBe(load.landed.length)
  })

  test('keeps one more SIGHUP that comes during a roll, and not three', async () => {
    const crew = await start(2)
    for (let i = 0; i < 4; i++) {
      crew.signal('SIGHUP')
      await wait(20)
    }
    await said(crew, 'all workers are changed', 2)
    await wait(500)
    expect(crew.lines('changing the workers one by one')).toBe(2)
    expect(crew.lines('a worker is ready')).toBe(6)
    expect(workersOf(crew)).toHaveLength(2)
    expect(figure(await crew.metrics(), 'host_rolls_total{outcome="completed"}')).toBe(2)
  })

  test.each(['exit', 'hang', 'kill'] as const)(
    'keeps its workers when the new one does not become ready (%s): the roll ends',
    async (way) => {
      const crew = await start(2, {}, way === 'hang' ? { readyMs: 8000 } : {})
      const before = workersOf(crew)
      crew.order({ start: way })
      crew.signal('SIGHUP')
      await said(crew, 'the new worker did not become ready: the others stay as they are')
      await expect.poll(() => workersOf(crew), PATIENT).toEqual(before)
      expect(crew.lines('all workers are changed')).toBe(0)
      expect((await crew.sender.send(get)).status).toBe(200)
      // The next roll finds the fault mended.
      crew.order({})
      crew.signal('SIGHUP')
      await said(crew, 'all workers are changed')
      expect(workersOf(crew).filter((pid) => before.includes(pid))).toEqual([])
    },
  )

  test('changes nobody for a faulty configuration, and says so once', async () => {
    const crew = await start(2)
    const before = workersOf(crew)
    crew.order({ config: 'faulty' })
    crew.signal('SIGHUP')
    await said(crew, 'the configuration is faulty: no worker is changed')
    expect(workersOf(crew)).toEqual(before)
    expect(crew.output().match(/The configuration has 1 fault/g)).toHaveLength(1)
  })

  test('kills a worker that does not stop within its time, and goes on with the roll', async () => {
    const crew = await start(2, { stop: 'ignore' }, { killMs: 300 })
    const before = workersOf(crew)
    crew.order({})
    crew.signal('SIGHUP')
    await said(crew, 'all workers are changed')
    await expect.poll(() => workersOf(crew).filter((pid) => before.includes(pid)), PATIENT).toEqual([])
  })

  test('a worker that is killed while its successor starts is not replaced twice', async () => {
    const crew = await start(2)
    const before = workersOf(crew)
    crew.signal('SIGHUP')
    await expect.poll(() => workersOf(crew).length, PATIENT).toBe(3)
    process.kill(before[0] as number, 'SIGKILL')
    await said(crew, 'all workers are changed')
    await wait(300)
    expect(workersOf(crew)).toHaveLength(2)
    expect(crew.lines('a worker is ready')).toBe(4)
  })
})

describe('the start of a crew', () => {
  test('tells the faults of the configuration once, before any worker', async () => {
    const child = spawn(process.execPath, ['containers/function-host/main.ts'], {
      env: { PATH: process.env.PATH, HOST_WORKERS: '4', LOG_LEVEL: 'loud' },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk
      })
    const [code] = await once(child, 'close')
    expect(code).toBe(1)
    expect(output.match(/The configuration has 2 fault/g)).toHaveLength(1)
    expect(output).toContain('HOST_WORKERS: an embedded database serves one process')
  })

  test('ends with the reason, said once, when the first worker cannot start', async () => {
    const crew = await start(4, { start: 'exit' })
    expect(await crew.ended).toBe(1)
    expect(crew.output().match(/the worker says why/g)).toHaveLength(1)
    expect(crew.output()).toContain('its first worker ended with 3 before it was ready')
  })

  test('ends after three starts when something kills the first worker every time', async () => {
    const crew = await start(4, { start: 'kill' })
    expect(await crew.ended).toBe(1)
    expect(crew.lines('a worker ended before it was ready')).toBe(3)
    expect(crew.output()).toContain('its first worker was killed 3 times before it was ready')
  })

  test('ends when workers become ready and then crash, over and over', async () => {
    const crew = await start(2, { start: 'crash' })
    expect(await crew.ended).toBe(1)
    expect(crew.lines('a worker ended')).toBe(8)
    expect(crew.output()).toContain('its workers ended 8 times without one that lasted')
  })

  test('goes on for as long as one worker lasts, with growing pauses', async () => {
    const crew = await start(2, {}, { stableMs: 1 })
    crew.order({ start: 'exit' })
    process.kill(workersOf(crew)[1] as number, 'SIGKILL')
    await said(crew, 'a worker ended before it was ready', 5)
    expect((await crew.sender.send(get)).status).toBe(200)
    crew.order({})
    await said(crew, 'a worker is ready', 3)
    expect(workersOf(crew)).toHaveLength(2)
  })
})

describe('the end of a crew', () => {
  test('SIGTERM stops every worker and ends with 0; requests at work are answered', async () => {
    const crew = await start(3)
    const load = sendSteadily(crew.sender, 300, () => get)
    await expect.poll(() => load.landed.length, PATIENT).toBeGreaterThan(50)
    crew.signal('SIGTERM')
    expect(await crew.ended).toBe(0)
    await load.stop()
    // What did not get through came when the port was closed or closing: nothing is cut off, refused or left hanging.
    const others = load.landed
      .filter(({ status }) => status !== 200)
      .map(({ status, text }) => `${status} ${text}`)
    expect(['0 ECONNREFUSED', '0 ECONNRESET']).toEqual(expect.arrayContaining([...new Set(others)]))
  })

  test('SIGTERM during a roll ends the old, the new and the roll', async () => {
    const crew = await start(2)
    crew.signal('SIGHUP')
    await expect.poll(() => workersOf(crew).length, PATIENT).toBe(3)
    crew.signal('SIGTERM')
    expect(await crew.ended).not.toBeNull()
    expect(crew.lines('all workers are changed')).toBe(0)
  })

  test('kills what does not stop, and ends with 1', async () => {
    const crew = await start(2, { stop: 'ignore' }, { killMs: 300 })
    const pids = workersOf(crew)
    crew.signal('SIGTERM')
    expect(await crew.ended).toBe(1)
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  test('workers end by themselves when their primary is killed', async () => {
    const crew = await start(2)
    const pids = workersOf(crew)
    crew.signal('SIGKILL')
    expect(await crew.ended).toBeNull()
    for (const pid of pids) await expect.poll(() => isAlive(pid), PATIENT).toBe(false)
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('the metrics of a crew', () => {
  test('add up requests, keep memory apart by worker, take what all read alike once', async () => {
    const crew = await start(3)
    for (let i = 0; i < 30; i++) await crew.sender.send(get, true)
    const text = await crew.metrics()
    expect(figure(text, COUNT)).toBe(30)
    expect(
      figure(
        text,
        'http_request_duration_seconds_bucket{le="+Inf",function="crew",method="GET",route="/",status="200"}',
      ),
    ).toBe(30)
    expect(figure(text, 'crew_open')).toBe(6)
    expect(figure(text, 'crew_backlog')).toBe(7)
    expect(figure(text, 'host_workers_ready')).toBe(3)
    for (const worker of ['1', '2', '3', 'primary'])
      expect(figure(text, `process_resident_memory_bytes{worker="${worker}"}`)).toBeGreaterThan(1e6)
    expect(text.match(/^# TYPE http_request_duration_seconds /gm)).toHaveLength(1)
    expect(figure(text, 'process_resident_memory_bytes')).toBeUndefined()
  })

  test('come within their bound though a worker is frozen, and its last figures count on', async () => {
    const crew = await start(2)
    for (let i = 0; i < 20; i++) await crew.sender.send(get, true)
    expect(figure(await crew.metrics(), COUNT)).toBe(20)
    const [frozen] = workersOf(crew)
    process.kill(frozen as number, 'SIGSTOP')
    const text = await crew.metrics()
    expect(figure(text, COUNT)).toBe(20)
    expect(figure(text, 'host_workers_silent')).toBe(1)
    process.kill(frozen as number, 'SIGCONT')
    await expect.poll(async () => figure(await crew.metrics(), 'host_workers_silent'), PATIENT).toBe(0)
  })

  test('never go back when a worker is killed', async () => {
    const crew = await start(2)
    for (let i = 0; i < 20; i++) await crew.sender.send(get, true)
    expect(figure(await crew.metrics(), COUNT)).toBe(20)
    process.kill(workersOf(crew)[0] as number, 'SIGKILL')
    await said(crew, 'a worker is ready', 3)
    const text = await crew.metrics()
    expect(figure(text, COUNT)).toBe(20)
    expect(figure(text, 'host_worker_ends_total')).toBe(1)
  })
})
