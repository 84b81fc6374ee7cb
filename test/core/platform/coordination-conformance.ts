/** What every adapter of the Coordination port guarantees: the same tests run on each. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CACHE_VALUE_BYTES_MAX, type Coordination } from '#core/platform/coordination/coordination.ts'
import { inTransactionScope } from '#core/platform/database/scope.ts'

export interface CoordinationUnderTest {
  /** Two workers' views of one store (of a store in one process: the same). */
  readonly one: Coordination
  readonly two: Coordination
  /** Lets time go by for the store. */
  pass(milliseconds: number): Promise<void>
  close(): Promise<void>
}

let serial = 0
const fresh = (kind: string) => `${kind}-${process.pid}-${Date.now()}-${serial++}`

export function coordinationConformance(
  title: string,
  kind: Coordination['kind'],
  open: () => Promise<CoordinationUnderTest>,
): void {
  describe(title, () => {
    let store: CoordinationUnderTest
    beforeAll(async () => {
      store = await open()
    })
    afterAll(async () => store?.close())

    test('says its kind and answers a ping', async () => {
      expect(store.one.kind).toBe(kind)
      expect(await store.one.ping()).toBe(true)
    })

    describe('lease', () => {
      test('goes to one of many who ask at the same moment', async () => {
        const name = fresh('lease')
        const asked = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            (i % 2 ? store.one : store.two).acquireLease(name, `token-${i}`, 5000),
          ),
        )
        expect(asked.filter(Boolean)).toHaveLength(1)
      })

      test('is prolonged, not refused, when its holder asks for it again', async () => {
        const name = fresh('lease')
        expect(await store.one.acquireLease(name, 'a', 60)).toBe(true)
        expect(await store.one.acquireLease(name, 'a', 5000)).toBe(true)
        await store.pass(120)
        expect(await store.two.acquireLease(name, 'b', 5000)).toBe(false)
      })

      test('is renewed by its holder and lost for everybody else', async () => {
        const name = fresh('lease')
        await store.one.acquireLease(name, 'a', 150)
        expect(await store.two.renewLease(name, 'b', 5000)).toBe('lost')
        expect(await store.one.renewLease(name, 'a', 5000)).toBe('held')
        await store.pass(250)
        expect(await store.two.acquireLease(name, 'b', 5000)).toBe(false)
      })

      test('falls to another after its time, and its old holder cannot renew it', async () => {
        const name = fresh('lease')
        await store.one.acquireLease(name, 'a', 40)
        await store.pass(100)
        expect(await store.one.renewLease(name, 'a', 5000)).toBe('lost')
        expect(await store.two.acquireLease(name, 'b', 5000)).toBe(true)
        expect(await store.one.renewLease(name, 'a', 5000)).toBe('lost')
      })

      test('is free at once after its holder gave it back, and only the holder can', async () => {
        const name = fresh('lease')
        await store.one.acquireLease(name, 'a', 5000)
        await store.two.releaseLease(name, 'b')
        expect(await store.two.acquireLease(name, 'b', 5000)).toBe(false)
        await store.one.releaseLease(name, 'a')
        expect(await store.two.acquireLease(name, 'b', 5000)).toBe(true)
      })
    })

    describe('rate limit', () => {
      test('allows exactly the burst, then refuses with the time to wait', async () => {
        const key = fresh('rate')
        const verdicts = []
        for (let i = 0; i < 12; i++)
          verdicts.push(await (i % 2 ? store.one : store.two).limitRate(key, 10, 3_600_000))
        expect(verdicts.map((verdict) => verdict.allowed)).toEqual([...Array(10).fill(true), false, false])
        expect(verdicts.map((verdict) => verdict.remaining)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0])
        expect(verdicts[0]).toMatchObject({ retryAfterSeconds: 0, degraded: false })
        expect(verdicts[0]?.resetSeconds).toBeCloseTo(360, 3)
        expect(verdicts[10]?.retryAfterSeconds).toBeGreaterThan(355)
        expect(verdicts[10]?.retryAfterSeconds).toBeLessThanOrEqual(360)
        expect(verdicts[10]?.resetSeconds).toBeGreaterThan(3595)
      })

      test('never allows more than the burst to calls at the same moment', async () => {
        const key = fresh('rate')
        const verdicts = await Promise.all(
          Array.from({ length: 60 }, (_, i) => (i % 2 ? store.one : store.two).limitRate(key, 25, 3_600_000)),
        )
        expect(verdicts.filter((verdict) => verdict.allowed)).toHaveLength(25)
      })

      test('allows one more when a step of the window has passed', async () => {
        const key = fresh('rate')
        for (let i = 0; i < 2; i++) await store.one.limitRate(key, 2, 600)
        expect((await store.one.limitRate(key, 2, 600)).allowed).toBe(false)
        await store.pass(320)
        expect((await store.one.limitRate(key, 2, 600)).allowed).toBe(true)
        expect((await store.one.limitRate(key, 2, 600)).allowed).toBe(false)
      })

      test('keeps subjects apart', async () => {
        const [a, b] = [fresh('rate'), fresh('rate')]
        await store.one.limitRate(a, 1, 60_000)
        expect((await store.one.limitRate(a, 1, 60_000)).allowed).toBe(false)
        expect((await store.one.limitRate(b, 1, 60_000)).allowed).toBe(true)
      })

      test('does not hold an old, longer debt against a subject whose window became shorter', async () => {
        const key = fresh('rate')
        for (let i = 0; i < 5; i++) await store.one.limitRate(key, 5, 3_600_000)
        const verdict = await store.one.limitRate(key, 5, 1000)
        expect(verdict.allowed).toBe(false)
        expect(verdict.retryAfterSeconds).toBeLessThanOrEqual(1)
      })
    })

    describe('hints', () => {
      test('reach every listener of the channel in order, and nobody else', async () => {
        const channel = fresh('channel')
        const heard: string[] = []
        const stopA = await store.one.subscribe(channel, (message) => heard.push(`a ${message}`))
        const stopB = await store.two.subscribe(channel, (message) => heard.push(`b ${message}`))
        const stopOther = await store.two.subscribe(fresh('channel'), (message) =>
          heard.push(`other ${message}`),
        )
        await store.one.publish(channel, '1')
        await store.two.publish(channel, '2')
        await expect.poll(() => heard.length).toBe(4)
        expect(heard.filter((line) => line.startsWith('a'))).toEqual(['a 1', 'a 2'])
        expect(heard.filter((line) => line.startsWith('b'))).toEqual(['b 1', 'b 2'])
        await Promise.all([stopA(), stopB(), stopOther()])
      })

      test('end for a listener that stopped, while the same function listening twice hears on', async () => {
        const channel = fresh('channel')
        const heard: string[] = []
        const listener = (message: string) => heard.push(message)
        const stopFirst = await store.one.subscribe(channel, listener)
        const stopSecond = await store.one.subscribe(channel, listener)
        await stopFirst()
        await stopFirst()
        await store.one.publish(channel, 'still')
        await expect.poll(() => heard).toEqual(['still'])
        await stopSecond()
        await store.one.publish(channel, 'gone')
        const end = fresh('channel')
        let ended = false
        const stopEnd = await store.one.subscribe(end, () => {
          ended = true
        })
        await store.one.publish(end, '')
        await expect.poll(() => ended).toBe(true)
        expect(heard).toEqual(['still'])
        await stopEnd()
      })
    })

    describe('cache', () => {
      test('gives back any text until its time is over', async () => {
        const key = fresh('cache')
        expect(await store.one.cacheGet(key)).toBeNull()
        await store.one.cacheSet(key, 'Grüße 🌍\u0000', 5000)
        expect(await store.two.cacheGet(key)).toBe('Grüße 🌍\u0000')
        await store.one.cacheSet(key, 'short', 40)
        await store.pass(100)
        expect(await store.two.cacheGet(key)).toBeNull()
      })

      test('takes the last value, and none for a time that is over', async () => {
        const key = fresh('cache')
        await store.one.cacheSet(key, '1', 5000)
        await store.two.cacheSet(key, '2', 5000)
        expect(await store.one.cacheGet(key)).toBe('2')
        await store.one.cacheSet(key, '3', 0)
        expect(await store.one.cacheGet(key)).toBeNull()
      })

      test('does not keep a value above the byte cap, nor the older one it was to replace', async () => {
        const key = fresh('cache')
        await store.one.cacheSet(key, 'x'.repeat(CACHE_VALUE_BYTES_MAX), 5000)
        expect((await store.one.cacheGet(key))?.length).toBe(CACHE_VALUE_BYTES_MAX)
        await store.one.cacheSet(key, 'é'.repeat(CACHE_VALUE_BYTES_MAX / 2 + 1), 5000)
        expect(await store.one.cacheGet(key)).toBeNull()
      })
    })

    test('refuses every call inside a database transaction', async () => {
      const calls: Record<string, () => Promise<unknown>> = {
        acquireLease: () => store.one.acquireLease('l', 't', 1000),
        renewLease: () => store.one.renewLease('l', 't', 1000),
        releaseLease: () => store.one.releaseLease('l', 't'),
        limitRate: () => store.one.limitRate('k', 1, 1000),
        publish: () => store.one.publish('c', 'm'),
        subscribe: () => store.one.subscribe('c', () => undefined),
        cacheGet: () => store.one.cacheGet('k'),
        cacheSet: () => store.one.cacheSet('k', 'v', 1000),
        ping: () => store.one.ping(),
      }
      for (const [name, call] of Object.entries(calls))
        await expect(
          inTransactionScope(async () => call()),
          name,
        ).rejects.toThrow('inside a database transaction')
    })
  })
}
