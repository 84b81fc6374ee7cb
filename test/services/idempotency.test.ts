/** Recorded replies under real concurrency: the embedded engine runs one transaction at a time and can't show it. */
import { describe, expect, test } from 'vitest'
import { systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { silentLog } from '#core/platform/log.ts'
import { keepReplies } from '#core/registry/idempotency/keep-reply.ts'
import { openKeyRing } from '#core/registry/keys/key-ring.ts'
import { makeOnce } from '#core/runtime/keep-once.ts'
import { testClock } from '#test/support/clock.ts'
import { testDatabase } from '#test/support/database.ts'
import { serverUrl } from '#test/support/services.ts'

describe.skipIf(serverUrl('TEST_DATABASE_URL') === null)(
  'a repeat while the first request is at work',
  async () => {
    const db = await testDatabase()
    const clock = testClock()
    const resources = { db, coordination: openInProcess(), clock, random: systemRandom, log: silentLog }
    const keys = await openKeyRing(resources, undefined)
    const claim = (key: string) => ({
      principal: 'developer:x',
      key,
      hash: () => 'h'.repeat(64),
      time: clock.fixed,
    })

    test('waits for it and gets its reply', async () => {
      const store = keepReplies(keys)
      const first = makeOnce(() => db, store, claim('a'))
      const second = makeOnce(() => db, store, claim('a'))
      const started = Promise.withResolvers<void>()
      const end = Promise.withResolvers<void>()
      const one = first.run(async () => {
        started.resolve()
        await end.promise
        return { n: 1 }
      })
      await started.promise
      const two = second.run(async () => ({ n: 2 }))
      end.resolve()
      expect([await one, await two]).toEqual([{ n: 1 }, { n: 1 }])
      expect([first.replayed(), second.replayed()]).toEqual([false, true])
    })

    test('answers 409 idempotency_in_flight when the wait is over, and runs nothing', async () => {
      const started = Promise.withResolvers<void>()
      const end = Promise.withResolvers<void>()
      const one = makeOnce(() => db, keepReplies(keys), claim('b')).run(async () => {
        started.resolve()
        await end.promise
        return { n: 1 }
      })
      await started.promise
      let ran = false
      const two = makeOnce(() => db, keepReplies(keys, 50), claim('b')).run(async () => {
        ran = true
      })
      await expect(two).rejects.toMatchObject({ code: 'idempotency_in_flight', status: 409 })
      expect(ran).toBe(false)
      end.resolve()
      expect(await one).toEqual({ n: 1 })
    })

    test('runs the command itself when the first one fails', async () => {
      const started = Promise.withResolvers<void>()
      const end = Promise.withResolvers<void>()
      const one = makeOnce(() => db, keepReplies(keys), claim('c')).run(async () => {
        started.resolve()
        await end.promise
        throw new Error('refused')
      })
      await started.promise
      const two = makeOnce(() => db, keepReplies(keys), claim('c')).run(async () => ({ n: 2 }))
      end.resolve()
      await expect(one).rejects.toThrow('refused')
      expect(await two).toEqual({ n: 2 })
    })
  },
)
