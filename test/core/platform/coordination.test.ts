import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openBreaker } from '#core/platform/coordination/breaker.ts'
import { gcra } from '#core/platform/coordination/gcra.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { openSparingLease } from '#core/platform/sparing-lease.ts'
import { coordinationConformance } from './coordination-conformance.ts'

coordinationConformance('coordination in one process', 'in-process', async () => {
  let time = 1000
  const store = openInProcess(() => time)
  return {
    one: store,
    two: store,
    pass: async (milliseconds) => {
      time += milliseconds
    },
    close: () => store.close(),
  }
})

describe('gcra', () => {
  test('never lets limit + 1 requests through within one step; waiting as told is exactly enough', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.array(fc.integer({ min: 0, max: 20_000_000 }), { minLength: 1, maxLength: 200 }),
        (limit, windowMs, gaps) => {
          let now = 1_700_000_000_000_000
          let at: number | undefined
          const allowed: number[] = []
          for (const gap of gaps) {
            now += gap
            const { verdict, next } = gcra(at, now, limit, windowMs)
            if (next !== undefined) at = next
            if (verdict.allowed) allowed.push(now)
            else {
              // Waiting exactly as told is always enough, and a microsecond less never is.
              const wait = Math.round(verdict.retryAfterSeconds * 1e6)
              expect(gcra(at, now + wait, limit, windowMs).verdict.allowed).toBe(true)
              expect(gcra(at, now + wait - 1, limit, windowMs).verdict.allowed).toBe(false)
            }
          }
          const step = Math.floor((windowMs * 1000) / limit)
          for (let i = 0; i + limit < allowed.length; i++) {
            const span = (allowed[i + limit] as number) - (allowed[i] as number)
            expect(span).toBeGreaterThanOrEqual(step)
          }
        },
      ),
      { seed: 7, numRuns: 300 },
    )
  })

  test('a clock set back by an hour holds nobody up for longer than one step', () => {
    const now = 5_000_000_000
    const { verdict } = gcra(now + 3_600_000_000, now, 60, 60_000)
    expect(verdict.allowed).toBe(false)
    expect(verdict.retryAfterSeconds).toBe(1)
  })
})

describe('several workers without a shared store', () => {
  test('each allows its part of a limit, rounded up, at least one request', async () => {
    const worker = openInProcess(undefined, 4)
    const allowed = async (limit: number) => {
      let count = 0
      for (let i = 0; i < limit; i++)
        if ((await worker.limitRate(`${limit}`, limit, 3_600_000)).allowed) count++
      return count
    }
    expect(await Promise.all([1, 3, 4, 5, 60].map(allowed))).toEqual([1, 1, 1, 2, 15])
    expect(worker.isShared()).toBe(true)
  })
})

describe('breaker', () => {
  const outage = new Error('away')
  const make = (luck = 0) => {
    let time = 0
    const breaker = openBreaker({
      pauseMs: 1000,
      random: () => luck,
      monotonic: () => time,
      isOutage: (error) => error === outage,
    })
    return {
      breaker,
      pass: (milliseconds: number) => {
        time += milliseconds
      },
    }
  }
  const failing = async (): Promise<string> => {
    throw outage
  }

  test('spreads the pauses of many workers, and tells that it is open until a call gets through', async () => {
    const { breaker, pass } = make(0.5)
    expect(breaker.isOpen()).toBe(false)
    await breaker.call(failing, () => 'fallback')
    expect(breaker.isOpen()).toBe(true)
    pass(1249)
    const real = async () => 'real'
    expect(await breaker.call(real, () => 'fallback')).toBe('fallback')
    pass(1)
    expect(await breaker.call(real, () => 'fallback')).toBe('real')
    expect(breaker.isOpen()).toBe(false)
  })

  test('answers from the fallback without trying for the pause after an outage, then tries once', async () => {
    const { breaker, pass } = make()
    let tries = 0
    const work = () => {
      tries++
      return failing()
    }
    expect(await breaker.call(work, () => 'fallback')).toBe('fallback')
    expect(await breaker.call(work, () => 'fallback')).toBe('fallback')
    expect(tries).toBe(1)
    pass(1000)
    expect(await Promise.all([1, 2, 3].map(() => breaker.call(work, () => 'fallback')))).toEqual(
      Array(3).fill('fallback'),
    )
    expect(tries).toBe(2)
    pass(1000)
    expect(
      await breaker.call(
        async () => 'real',
        () => 'fallback',
      ),
    ).toBe('real')
    expect(
      await breaker.call(
        async () => 'real',
        () => 'fallback',
      ),
    ).toBe('real')
  })

  test('stays closed when the other side refuses one call', async () => {
    const { breaker } = make()
    const refused = async (): Promise<string> => {
      throw new Error('WRONGTYPE')
    }
    expect(await breaker.call(refused, () => 'fallback')).toBe('fallback')
    expect(
      await breaker.call(
        async () => 'real',
        () => 'fallback',
      ),
    ).toBe('real')
  })
})

describe('the in-process cache', () => {
  test('lets the longest unused values go when its bytes are used up', async () => {
    const store = openInProcess(() => 0)
    const value = 'x'.repeat(200 * 1024)
    for (let i = 0; i < 50; i++) await store.cacheSet(`k${i}`, value, 1000)
    await store.cacheGet('k0')
    for (let i = 50; i < 100; i++) await store.cacheSet(`k${i}`, value, 1000)
    expect(await store.cacheGet('k0')).toBe(value)
    expect(await store.cacheGet('k1')).toBeNull()
    expect(await store.cacheGet('k99')).toBe(value)
  })
})

describe('a sparing lease', () => {
  test('lets one of two lead, hands over on release, and lets both work while the store is away', async () => {
    const store = openInProcess()
    let time = 0
    const a = openSparingLease(store, 'relay', 'a', () => time)
    const b = openSparingLease(store, 'relay', 'b', () => time)
    expect([await a.leads(), await b.leads(), await a.leads()]).toEqual([true, false, true])
    await a.release()
    time += 250
    expect([await b.leads(), await a.leads()]).toEqual([true, false])
    // What the adapter on Redis answers when Redis is away.
    const away = { ...store, acquireLease: async () => false, ping: async () => false }
    expect(await openSparingLease(away, 'relay', 'c').leads()).toBe(true)
  })

  test('asks the store once for all the hints of a moment, whoever leads', async () => {
    const inner = openInProcess()
    let asked = 0
    const acquireLease: typeof inner.acquireLease = (...given) => {
      asked++
      return inner.acquireLease(...given)
    }
    let time = 0
    const open = (token: string) => openSparingLease({ ...inner, acquireLease }, 'relay', token, () => time)
    const [a, b] = [open('a'), open('b')]
    for (let hint = 0; hint < 10; hint++) expect([await a.leads(), await b.leads()]).toEqual([true, false])
    expect(asked).toBe(2)
    time += 250
    expect([await a.leads(), await b.leads()]).toEqual([true, false])
    expect(asked).toBe(3)
    // Half of a term is over.
    time += 2250
    expect([await a.leads(), await b.leads()]).toEqual([true, false])
    expect(asked).toBe(5)
  })
})
