/** Four workers on PostgreSQL and Redis: rolled, killed and cut off from Redis under load; limits, metrics and streams are one. */
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type FourWorkers,
  REDIS_DATABASE,
  startFourWorkers,
  WORKERS,
} from '#test/support/crew/four-workers.ts'
import { type Landed, type Shot, sendSteadily } from '#test/support/crew/steady-load.ts'
import { followEvents } from '#test/support/follow-events.ts'
import { PROCESS_OPERATOR_KEY } from '#test/support/process.ts'
import { serverUrl } from '#test/support/services.ts'

const server = serverUrl('TEST_DATABASE_URL')
const redis = serverUrl('REDIS_TEST_URL')
const PER_SECOND = 200
const AMOUNT = 10_000n

/** What went wrong, and how often. */
function failed(landed: readonly Landed[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, text } of landed) {
    if (status === 200 || status === 201) continue
    const words = `${status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? text.slice(0, 100)}`
    counts[words] = (counts[words] ?? 0) + 1
  }
  return counts
}
/** What an answer says to be left of the limit. */
const leftOf = ({ headers }: Landed) => Number(/;r=(\d+)/.exec(String(headers.ratelimit))?.[1])
const requestsOf = (route: string, method: string, status: number, tag: string) =>
  `http_request_duration_seconds_count{function="${tag}",method="${method}",route="${route}",status="${status}"}`
const transfersDone = requestsOf('/api/v1/transfers', 'POST', 201, 'transfers')

describe.skipIf(server === null || redis === null)('four workers on PostgreSQL and Redis', () => {
  let four: FourWorkers
  let addresses = 0
  let round = 0
  beforeAll(async () => {
    four = await startFourWorkers(server ?? '', redis ?? '')
  }, 180_000)
  afterAll(async () => four?.close())

  /** Turn by turn a transfer under a key of its own, a read of an agent and a probe. */
  const mixed = () => {
    const label = `round-${round++}`
    return (number: number): Shot => {
      if (number % 2 === 0) return four.pay(`${label}-${number}`)
      const headers = { authorization: `Bearer ${four.token}` }
      if (number % 4 === 1) return { method: 'GET', path: `/api/v1/agents/${four.payee}`, headers }
      return { method: 'GET', path: '/readyz' }
    }
  }
  const transfersIn = (landed: readonly (Landed & { number: number })[]): string[] =>
    landed
      .filter(({ number, status }) => number % 2 === 0 && status === 201)
      .map(({ text }) => JSON.parse(text).id)
  /** Requests of one new client at the same moment, each over a connection of its own. */
  const rush = async (count = 100) => {
    const address = `198.51.100.${++addresses}`
    const shot: Shot = {
      method: 'GET',
      path: `/api/v1/agents/${four.payee}`,
      headers: { 'x-forwarded-for': address },
    }
    const started = performance.now()
    const answers = await Promise.all(Array.from({ length: count }, () => four.sender.send(shot, true)))
    const seconds = (performance.now() - started) / 1000
    return {
      passed: answers.filter(({ status }) => status === 200),
      refused: answers.filter(({ status }) => status === 429),
      /** What may come back while they are asked. */
      refilled: Math.floor(seconds),
      seconds,
    }
  }
  const limitPublic = async (perMinute: number | null) => {
    const body = { rate_limit_public_per_minute: perMinute }
    const changed = await four.host.api.patch('/operator/settings', body, { token: PROCESS_OPERATOR_KEY })
    expect(changed.status).toBe(200)
    const policy = `"public";q=${perMinute ?? 1_000_000};w=60`
    const shot: Shot = { method: 'GET', path: '/health', headers: { 'x-forwarded-for': '203.0.113.9' } }
    // Eight connections in a row with the new limit: each worker has had its turn.
    await expect
      .poll(
        async () => {
          const answers = await Promise.all(Array.from({ length: 8 }, () => four.sender.send(shot, true)))
          return answers.every(({ headers }) => headers['ratelimit-policy'] === policy)
        },
        { timeout: 10_000 },
      )
      .toBe(true)
  }

  test('metrics of all workers are one: exactly the requests sent', async () => {
    const sample = requestsOf('/livez', 'GET', 200, 'health')
    const before = await four.figure(sample)
    const shot: Shot = { method: 'GET', path: '/livez' }
    await Promise.all(Array.from({ length: 400 }, (_, at) => four.sender.send(shot, at % 2 === 0)))
    expect((await four.figure(sample)) - before).toBe(400)
    for (let worker = 1; worker <= WORKERS; worker++)
      expect(await four.figure(`process_resident_memory_bytes{worker="${worker}"}`)).toBeGreaterThan(1e7)
    expect(await four.figure('host_workers_ready')).toBe(WORKERS)
  })

  test('a roll under 200 requests/s fails none, pays each order once, loses no event and no count', async () => {
    const before = {
      pids: four.pids(),
      available: await four.available(),
      count: await four.figure(transfersDone),
    }
    const followers = await Promise.all(
      Array.from({ length: 6 }, () =>
        followEvents(`${four.host.url.replace('http', 'ws')}/ws/events`, four.token, 'transfer.completed'),
      ),
    )
    const load = sendSteadily(four.sender, PER_SECOND, mixed())
    process.kill(four.host.pid, 'SIGHUP')
    await four.said('all workers are changed')
    await load.stop()
    expect(failed(load.landed)).toEqual({})
    expect(four.pids().filter((pid) => before.pids.includes(pid))).toEqual([])

    const paid = transfersIn(load.landed)
    expect(new Set(paid).size).toBe(paid.length)
    expect(before.available - (await four.available())).toBe(AMOUNT * BigInt(paid.length))
    expect((await four.figure(transfersDone)) - before.count).toBe(paid.length)

    for (const { ids, indexes, hints, lost } of followers) {
      await expect.poll(() => ids.length, { timeout: 20_000 }).toBe(paid.length)
      expect(new Set(ids)).toEqual(new Set(paid))
      expect(indexes).toEqual([...indexes].sort((a, b) => a - b))
      expect(lost()).toBe(0)
      for (const hint of hints) {
        expect(hint.code).toBe(1012)
        expect(Number(hint.frame)).toBeGreaterThanOrEqual(2000)
        expect(hint.reason).toBe(hint.frame)
      }
    }
    // Every worker of before is gone, so every client has been sent away at least once.
    expect(followers.every(({ hints }) => hints.length > 0)).toBe(true)
    expect(new Set(followers.map(({ hints }) => hints[0]?.frame)).size).toBeGreaterThan(1)
    for (const follower of followers) await follower.stop()
  }, 240_000)

  test('kill -9 of a worker under load fails what it was working on and nothing else; each order is paid once', async () => {
    const before = await four.available()
    const shot = mixed()
    const load = sendSteadily(four.sender, PER_SECOND, shot)
    await expect.poll(() => load.landed.length, { timeout: 30_000 }).toBeGreaterThan(200)
    const ready = four.lines('a worker is ready')
    const ended = four.lines('a worker ended')
    process.kill(four.pids()[0] as number, 'SIGKILL')
    await four.said('a worker ended', ended + 1)
    const atEnd = load.started()
    await four.said('a worker is ready', ready + 1)
    await load.stop()
    const cut = load.landed.filter(({ status }) => status !== 200 && status !== 201)
    // Cut off, never refused and never left hanging; and nothing that began after the primary knew.
    for (const { status, text } of cut)
      expect(`${status} ${text}`).toMatch(/^0 (ECONNRESET|EPIPE|ECONNREFUSED)$/)
    expect(cut.filter(({ number }) => number > atEnd)).toEqual([])
    expect(four.pids()).toHaveLength(WORKERS)

    const again = await Promise.all(
      cut.filter(({ number }) => number % 2 === 0).map(({ number }) => four.sender.send(shot(number))),
    )
    expect(failed(again)).toEqual({})
    const paid = new Set([...transfersIn(load.landed), ...again.map(({ text }) => JSON.parse(text).id)])
    expect(before - (await four.available())).toBe(AMOUNT * BigInt(paid.size))
  }, 180_000)

  test('a limit changed by an operator holds in all workers within seconds, and is counted over all of them', async () => {
    await limitPublic(60)
    // On a busy machine Redis answers too late now and then, and a worker counts alone: such a rush proves nothing.
    const countedTogether = async (tries = 20): Promise<Awaited<ReturnType<typeof rush>>> => {
      const before = await four.figure('coordination_fallbacks_total')
      const outcome = await rush()
      const isWhole = (await four.figure('coordination_fallbacks_total')) === before
      return isWhole || tries === 0 ? outcome : countedTogether(tries - 1)
    }
    const { passed, refused, refilled } = await countedTogether()
    expect(passed.length).toBeGreaterThanOrEqual(60)
    expect(passed.length).toBeLessThanOrEqual(60 + refilled)
    expect(passed.length + refused.length).toBe(100)
    // One row of numbers over four workers, none of them given twice but by what has come back.
    const left = passed.map(leftOf)
    expect(new Set(left).size).toBeGreaterThanOrEqual(60 - refilled)
    expect([Math.max(...left), Math.min(...left)]).toEqual([59, 0])
    for (const { headers } of refused) {
      expect(headers['ratelimit-policy']).toBe('"public";q=60;w=60')
      expect(headers.ratelimit).toMatch(/^"public";r=0;t=\d+$/)
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(1)
    }
  })

  test('FLUSHALL restarts the windows and nothing else', async () => {
    const shot: Shot = {
      method: 'GET',
      path: '/health',
      headers: { 'x-forwarded-for': '198.51.100.250' },
    }
    const ask = async () => (await four.sender.send(shot)).status
    for (let i = 0; (await ask()) === 200; i++) expect(i).toBeLessThan(200)
    const url = Object.assign(new URL(redis ?? ''), { pathname: `/${REDIS_DATABASE}` }).href
    const admin = new Redis(url)
    await admin.flushdb()
    await admin.script('FLUSH')
    admin.disconnect()
    expect(await ask()).toBe(200)
    expect(failed([await four.sender.send(four.pay('after-flush'))])).toEqual({})
    expect((await four.host.api.get('/auth/me', { token: four.token })).status).toBe(200)
  })

  test.each(['cut', 'freeze'] as const)(
    'Redis gone in the middle of load (%s): nothing hangs or fails but logins and new keys; each worker allows its part',
    async (way) => {
      const load = sendSteadily(four.sender, PER_SECOND, mixed())
      await expect.poll(() => load.landed.length, { timeout: 30_000 }).toBeGreaterThan(100)
      await four.redis[way]()
      const at = load.landed.length
      const login = () =>
        four.host.api.post(
          '/auth/login',
          { email: 'alice@example.com', password: 'correct horse battery staple' },
          { headers: { 'x-forwarded-for': `192.0.2.${++addresses}` } },
        )
      // A worker that has not asked Redis since learns of it by this very request.
      for (let turn = 0; turn < 2 * WORKERS; turn++) {
        const refused = await login()
        expect([refused.status, refused.body.code, refused.body.limit]).toEqual([
          503,
          'overloaded',
          'rate_store',
        ])
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(2)
      }
      const key = await four.host.api.post(
        '/auth/api-keys',
        { name: 'k', scopes: ['agents:read'] },
        { token: four.token },
      )
      expect([key.status, key.body.code]).toEqual([503, 'overloaded'])
      // Four times a quarter of 60, whoever of the four is asked how often; a quarter comes back at one in 4 s.
      const { passed, refused, seconds } = await rush(300)
      expect(passed.length).toBeGreaterThanOrEqual(60)
      expect(passed.length).toBeLessThanOrEqual(60 + WORKERS * Math.floor(seconds / 4))
      expect(passed.length + refused.length).toBe(300)
      expect(Math.max(...passed.map(leftOf))).toBe(14)
      await expect.poll(() => load.landed.length, { timeout: 30_000 }).toBeGreaterThan(at + 200)
      await four.redis.mend()
      await expect.poll(async () => (await login()).status, { timeout: 20_000 }).toBe(200)
      await load.stop()
      expect(failed(load.landed)).toEqual({})
      const issued = await four.host.api.post(
        '/auth/api-keys',
        { name: 'k', scopes: ['agents:read'] },
        { token: four.token },
      )
      expect(issued.status).toBe(201)
      expect(await four.figure('coordination_fallbacks_total')).toBeGreaterThan(0)
      // And counted together again.
      const isOne = async () => {
        const { passed, refilled } = await rush()
        const isShared = Math.max(...passed.map(leftOf)) === 59
        return isShared && passed.length >= 60 && passed.length <= 60 + refilled
      }
      await expect.poll(isOne, { timeout: 30_000, interval: 500 }).toBe(true)
    },
    180_000,
  )

  test('SIGTERM under load: what came is answered, the host ends with 0 within its grace', async () => {
    await limitPublic(null)
    const load = sendSteadily(four.sender, PER_SECOND, mixed())
    await expect.poll(() => load.landed.length, { timeout: 30_000 }).toBeGreaterThan(100)
    expect(await four.host.stop('SIGTERM')).toBe(0)
    await load.stop()
    // readyz says that the instance goes; other requests are served until the port is closed, and refused by nobody.
    const others = load.landed.filter(({ status }) => status !== 200 && status !== 201)
    const goes = others.filter(({ number, status }) => number % 4 === 3 && status === 503)
    expect(goes.length).toBeGreaterThan(0)
    for (const { text } of goes) expect(JSON.parse(text).code).toBe('shutting_down')
    for (const { status, text } of others.filter((one) => !goes.includes(one)))
      expect(`${status} ${text}`).toMatch(/^0 (ECONNREFUSED|ECONNRESET)$/)
  }, 120_000)
})
