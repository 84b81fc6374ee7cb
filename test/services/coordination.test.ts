import { Redis } from 'ioredis'
import { afterEach, describe, expect, test } from 'vitest'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { openRedis } from '#core/platform/coordination/redis.ts'
import { openLog, silentLog } from '#core/platform/log.ts'
import { coordinationConformance } from '#test/core/platform/coordination-conformance.ts'
import { serverUrl } from '#test/support/services.ts'
import { openTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts'

const url = serverUrl('REDIS_TEST_URL')
/** What a request may lose to a dead Redis. */
const PATIENCE_MS = 300

const pass = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

describe.skipIf(url === null)('Redis', () => {
  const server = url as string

  coordinationConformance('coordination on Redis', 'redis', async () => {
    const one = await openRedis({ url: server, workers: 1, log: silentLog })
    const two = await openRedis({ url: server, workers: 1, log: silentLog })
    return {
      one,
      two,
      pass,
      async close() {
        await Promise.all([one.close(), two.close()])
      },
    }
  })

  describe('coordination while Redis fails', () => {
    const open: { close(): Promise<void> }[] = []
    afterEach(async () => {
      for (const thing of open.splice(0).reverse()) await thing.close()
    })
    const start = async (workers = 4): Promise<{ proxy: TcpProxy; store: Coordination; lines: string[] }> => {
      const proxy = await openTcpProxy(server)
      const lines: string[] = []
      const log = openLog({ write: (line) => lines.push(line) })
      const store = await openRedis({
        url: proxy.url,
        workers,
        log,
        prefix: `fault-${Date.now()}-${Math.random()}:`,
      })
      open.push(proxy, store)
      return { proxy, store, lines }
    }
    const timed = async <T>(work: Promise<T>): Promise<T> => {
      const started = performance.now()
      const result = await work
      expect(performance.now() - started).toBeLessThan(PATIENCE_MS)
      return result
    }
    const expectDegraded = async (store: Coordination) => {
      expect(await timed(store.acquireLease('fresh', 'a', 5000))).toBe(false)
      expect(await timed(store.renewLease('held', 'a', 5000))).toBe('unknown')
      expect(store.isShared()).toBe(false)
      await timed(store.releaseLease('held', 'a'))
      await timed(store.publish('channel', 'message'))
      expect(await timed(store.cacheGet('key'))).toBeNull()
      await timed(store.cacheSet('key', 'value', 1000))
      expect(await timed(store.ping())).toBe(false)
      const verdicts = []
      for (let i = 0; i < 11; i++) verdicts.push(await timed(store.limitRate('subject', 40, 3_600_000)))
      expect(verdicts.every((verdict) => verdict.degraded)).toBe(true)
      expect(verdicts.filter((verdict) => verdict.allowed)).toHaveLength(10)
    }

    test('answers at once after the server was killed: leases false, limits local by workers', async () => {
      const { proxy, store, lines } = await start()
      expect(await store.acquireLease('held', 'a', 60_000)).toBe(true)
      await proxy.cut()
      await expectDegraded(store)
      expect(lines.filter((line) => line.includes('Redis is away'))).toHaveLength(1)
    })

    test('a limit that does not divide is rounded up for each worker, and every such answer is counted', async () => {
      const proxy = await openTcpProxy(server)
      let fallbacks = 0
      const onFallback = () => fallbacks++
      const store = await openRedis({ url: proxy.url, workers: 4, log: silentLog, onFallback })
      open.push(proxy, store)
      await proxy.cut()
      let allowed = 0
      for (let i = 0; i < 5; i++) if ((await store.limitRate('small', 5, 3_600_000)).allowed) allowed++
      expect([allowed, fallbacks]).toEqual([2, 5])
    })

    test('its own close is not taken for Redis going away', async () => {
      const lines: string[] = []
      const log = openLog({ write: (line) => lines.push(line) })
      const store = await openRedis({ url: server, workers: 1, log })
      await store.close()
      await pass(50)
      expect(lines.filter((line) => line.includes('Redis is away'))).toEqual([])
    })

    test('answers within the command timeout when the server has fallen silent', async () => {
      const { proxy, store } = await start()
      await store.acquireLease('held', 'a', 60_000)
      proxy.freeze()
      await expectDegraded(store)
    })

    test('takes up its work by itself after a restart, and hears its channels again', async () => {
      const { proxy, store, lines } = await start()
      const heard: string[] = []
      await store.subscribe('channel', (message) => heard.push(message))
      await store.acquireLease('held', 'a', 60_000)
      await proxy.cut()
      expect(await store.ping()).toBe(false)
      await proxy.mend()
      await expect.poll(() => store.ping(), { timeout: 5000 }).toBe(true)
      await expect.poll(() => store.renewLease('held', 'a', 60_000), { timeout: 5000 }).toBe('held')
      expect((await store.limitRate('subject', 40, 60_000)).degraded).toBe(false)
      expect(store.isShared()).toBe(true)
      await expect
        .poll(
          async () => {
            await store.publish('channel', 'again')
            return heard.length
          },
          { timeout: 5000 },
        )
        .toBeGreaterThan(0)
      expect(lines.filter((line) => line.includes('Redis answers'))).toHaveLength(2)
    })

    test('leaves a connection on which nothing comes, though TCP has not noticed', async () => {
      const { proxy, store } = await start()
      proxy.freeze()
      expect((await store.limitRate('subject', 40, 60_000)).degraded).toBe(true)
      // Frozen connections stay frozen for good: only a new one can bring it back.
      await pass(1100)
      await proxy.mend()
      await expect.poll(() => store.ping(), { timeout: 5000 }).toBe(true)
    })

    test('opens without Redis within a second, degraded, and joins it later', async () => {
      const proxy = await openTcpProxy(server)
      open.push(proxy)
      await proxy.cut()
      const started = performance.now()
      const store = await openRedis({ url: proxy.url, workers: 1, log: silentLog })
      open.push(store)
      expect(performance.now() - started).toBeLessThan(1000)
      expect(await store.ping()).toBe(false)
      const heard: string[] = []
      await store.subscribe('late', (message) => heard.push(message))
      await proxy.mend()
      await expect.poll(() => store.ping(), { timeout: 5000 }).toBe(true)
      await expect
        .poll(
          async () => {
            await store.publish('late', 'x')
            return heard.length
          },
          { timeout: 5000 },
        )
        .toBeGreaterThan(0)
    })

    test('FLUSHALL and SCRIPT FLUSH cost the lease and the counts, nothing else', async () => {
      const { store } = await start()
      const admin = new Redis(server)
      open.push({ close: async () => admin.disconnect() })
      await store.acquireLease('held', 'a', 60_000)
      await store.limitRate('subject', 1, 3_600_000)
      expect((await store.limitRate('subject', 1, 3_600_000)).allowed).toBe(false)
      await admin.flushall()
      await admin.script('FLUSH')
      expect(await store.renewLease('held', 'a', 60_000)).toBe('lost')
      expect(await store.acquireLease('held', 'a', 60_000)).toBe(true)
      expect(await store.limitRate('subject', 1, 3_600_000)).toMatchObject({ allowed: true, degraded: false })
    })

    test('a value of a foreign kind under one key degrades that key alone', async () => {
      const admin = new Redis(server)
      open.push({ close: async () => admin.disconnect() })
      const prefix = `foreign-${Date.now()}:`
      const store = await openRedis({ url: server, workers: 1, log: silentLog, prefix })
      open.push(store)
      await admin.lpush(`${prefix}rate:subject`, 'x')
      expect((await store.limitRate('subject', 5, 60_000)).degraded).toBe(true)
      expect((await store.limitRate('other', 5, 60_000)).degraded).toBe(false)
    })

    test('a wrong password is an absent Redis, not an exception', async () => {
      const wrong = new URL(server)
      wrong.password = 'wrong-password'
      wrong.username = 'nobody'
      const store = await openRedis({ url: wrong.href, workers: 2, log: silentLog })
      open.push(store)
      expect(await store.ping()).toBe(false)
      expect(await store.limitRate('subject', 10, 60_000)).toMatchObject({ allowed: true, degraded: true })
    })
  })
})
