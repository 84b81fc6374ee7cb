import { describe, expect, test } from 'vitest'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { openLog } from '#core/platform/log.ts'
import { fallBackLease } from '#core/runtime/leases/fall-back-lease.ts'
import { type Held, holdLease, type LeaseStore } from '#core/runtime/leases/hold-lease.ts'
import { type FakeTime, fakeTime } from '#test/support/time.ts'

interface Worker {
  readonly tenures: Held[]
  readonly holder: ReturnType<typeof holdLease>
}

function makeWorld() {
  const time = fakeTime()
  const store = openInProcess(() => time.monotonic())
  let epoch = 0n
  const lines: string[] = []
  const log = openLog({ write: (line) => lines.push(line) })
  const events: string[] = []
  let serial = 0
  const join = (
    name: string,
    over: {
      store?: LeaseStore
      work?: (held: Held) => Promise<void>
      takeEpoch?: () => Promise<bigint>
    } = {},
  ): Worker => {
    const tenures: Held[] = []
    const holder = holdLease({
      name: 'task',
      store: over.store ?? store,
      takeEpoch: over.takeEpoch ?? (async () => ++epoch),
      onRelease: async (released) => void events.push(`${name} released ${released}`),
      work: async (held) => {
        tenures.push(held)
        events.push(`${name} begins ${held.epoch}`)
        await (over.work ?? untilEnding(time))(held)
        events.push(`${name} ends ${held.epoch}`)
      },
      newToken: () => `${name}-${serial++}`,
      log,
      time,
    })
    return { tenures, holder }
  }
  return { time, store, join, events, lines }
}

const untilEnding = (time: FakeTime) => (held: Held) => time.sleep(Number.MAX_SAFE_INTEGER, held.ending)

/** A store whose answers can be taken away. */
function breakable(store: LeaseStore & { ping(): Promise<boolean> }) {
  const state = { away: false }
  return {
    state,
    store: {
      acquireLease: async (name, token, ttlMs) => !state.away && store.acquireLease(name, token, ttlMs),
      renewLease: async (name, token, ttlMs) =>
        state.away ? 'unknown' : store.renewLease(name, token, ttlMs),
      releaseLease: async (name, token) => {
        if (!state.away) await store.releaseLease(name, token)
      },
      ping: async () => !state.away,
    } satisfies LeaseStore & { ping(): Promise<boolean> },
  }
}

describe('holdLease', () => {
  test('gives the work to one of several, and keeps it there', async () => {
    const { time, join, events } = makeWorld()
    const workers = ['a', 'b', 'c'].map((name) => join(name))
    await time.advance(120_000)
    expect(events).toEqual(['a begins 1'])
    expect(workers.map((worker) => worker.holder.epoch())).toEqual([1n, null, null])
    await Promise.all(workers.map((worker) => worker.holder.stop()))
  })

  test('hands over within one retry after a graceful stop, after the old work has ended', async () => {
    const { time, join, events } = makeWorld()
    const a = join('a')
    const b = join('b')
    await time.advance(1000)
    const stopped = a.holder.stop()
    await time.advance(0)
    await stopped
    expect(events).toEqual(['a begins 1', 'a ends 1', 'a released 1'])
    await time.advance(2000)
    expect(events.at(-1)).toBe('b begins 2')
    expect(b.holder.epoch()).toBe(2n)
    await b.holder.stop()
  })

  test('takes over within ttl + retry from a holder that vanished', async () => {
    const { time, store, join, events } = makeWorld()
    await store.acquireLease('task', 'vanished', 15_000)
    const a = join('a')
    await time.advance(14_999)
    expect(events).toEqual([])
    await time.advance(2_001)
    expect(events).toEqual(['a begins 1'])
    await a.holder.stop()
  })

  test('goes on through an outage shorter than the give-up time', async () => {
    const { time, store, join, events } = makeWorld()
    const broken = breakable(store)
    const a = join('a', { store: broken.store })
    await time.advance(1000)
    broken.state.away = true
    await time.advance(7_900)
    expect(a.tenures[0]?.lost.aborted).toBe(false)
    broken.state.away = false
    await time.advance(60_000)
    expect(events).toEqual(['a begins 1'])
    expect(a.tenures[0]?.lost.aborted).toBe(false)
    await a.holder.stop()
  })

  test('tells the work to stop when no renewal came for the give-up time, before the lease can lapse', async () => {
    const { time, store, join, events } = makeWorld()
    const broken = breakable(store)
    const a = join('a', { store: broken.store })
    const b = join('b')
    await time.advance(5_000)
    broken.state.away = true
    await time.advance(9_999)
    expect(() => a.tenures[0]?.assertHeld()).not.toThrow()
    await time.advance(1)
    expect(a.tenures[0]?.lost.aborted).toBe(true)
    expect(() => a.tenures[0]?.assertHeld()).toThrow('could not be renewed in time')
    expect(await store.acquireLease('task', 'other', 1)).toBe(false)
    await time.advance(7_000)
    expect(events).toEqual(['a begins 1', 'a ends 1', 'b begins 2'])
    await Promise.all([a.holder.stop(), b.holder.stop()])
  })

  test('does so too when the renewal never answers', async () => {
    const { time, store, join } = makeWorld()
    const hung: LeaseStore = {
      acquireLease: (name, token, ttlMs) => store.acquireLease(name, token, ttlMs),
      renewLease: (_name, _token, _ttlMs) => time.sleep(60_000).then(() => 'held' as const),
      releaseLease: (name, token) => store.releaseLease(name, token),
    }
    const a = join('a', { store: hung })
    await time.advance(9_999)
    expect(a.tenures[0]?.lost.aborted).toBe(false)
    await time.advance(1)
    expect(a.tenures[0]?.lost.aborted).toBe(true)
    await time.advance(60_000)
    await a.holder.stop()
  })

  test('stops at the next renewal when the store forgot the lease, and comes back with a new epoch', async () => {
    const { time, store, join, events } = makeWorld()
    const a = join('a')
    await time.advance(1000)
    await store.releaseLease('task', 'a-0')
    await time.advance(4_000)
    expect(a.tenures[0]?.lost.reason).toMatchObject({ name: 'LeaseLost', message: 'the lease task was lost' })
    await time.advance(2_000)
    expect(events).toEqual(['a begins 1', 'a ends 1', 'a begins 2'])
    await a.holder.stop()
  })

  test('keeps the lease while the work ends in order after a stop', async () => {
    const { time, join, events } = makeWorld()
    const slow = join('slow', {
      work: async (held) => {
        await time.sleep(Number.MAX_SAFE_INTEGER, held.ending)
        await time.sleep(40_000, held.lost)
      },
    })
    const b = join('b')
    await time.advance(1000)
    const stopped = slow.holder.stop()
    await time.advance(39_000)
    expect(events).toEqual(['slow begins 1'])
    expect(slow.tenures[0]?.lost.aborted).toBe(false)
    await time.advance(4_000)
    await stopped
    expect(events).toEqual(['slow begins 1', 'slow ends 1', 'slow released 1', 'b begins 2'])
    await b.holder.stop()
  })

  test('survives errors of the work and of the epoch, logs them and competes again', async () => {
    const { time, join, events, lines } = makeWorld()
    let fails = 2
    const a = join('a', {
      takeEpoch: async () => {
        if (fails-- > 0) throw new Error('database away')
        return 7n
      },
      work: async (held) => {
        if (events.length < 2) throw new Error('bug')
        await untilEnding(time)(held)
      },
    })
    await time.advance(8_000)
    expect(events).toEqual(['a begins 7', 'a released 7', 'a begins 7'])
    expect(lines.filter((line) => line.includes('a lease holder failed and goes on'))).toHaveLength(3)
    await a.holder.stop()
  })

  test('the work itself can end the tenure when it has met a newer holder', async () => {
    const { time, join } = makeWorld()
    const a = join('a')
    await time.advance(0)
    a.tenures[0]?.abandon(new Error('fenced out'))
    await time.advance(0)
    expect(a.tenures[0]?.ending.aborted).toBe(true)
    expect(a.holder.epoch()).toBeNull()
    await a.holder.stop()
  })
})

describe('fallBackLease', () => {
  test('holds on in the second store while the first is away, and goes back to the first', async () => {
    const { time, store, join, events } = makeWorld()
    const first = breakable(store)
    const second = openInProcess(() => time.monotonic())
    const leases = fallBackLease(first.store, second, time)
    const a = join('a', { store: leases })
    const b = join('b', { store: leases })
    await time.advance(1000)
    first.state.away = true
    await time.advance(300_000)
    expect(await second.acquireLease('task', 'probe', 1)).toBe(false)
    first.state.away = false
    await time.advance(300_000)
    expect(await store.acquireLease('task', 'probe', 1)).toBe(false)
    expect(await second.acquireLease('task', 'probe', 1)).toBe(false)
    expect(events).toEqual(['a begins 1'])
    await Promise.all([a.holder.stop(), b.holder.stop()])
  })

  test('lets work begin without the first store at all', async () => {
    const { time, store, join, events } = makeWorld()
    const first = breakable(store)
    first.state.away = true
    const second = openInProcess(() => time.monotonic())
    const a = join('a', { store: fallBackLease(first.store, second, time) })
    const b = join('b', { store: fallBackLease(first.store, second, time) })
    await time.advance(60_000)
    expect(events).toEqual(['a begins 1'])
    await Promise.all([a.holder.stop(), b.holder.stop()])
  })

  test('puts back what the first store has forgotten, and lets nobody else in meanwhile', async () => {
    const { time, join, events } = makeWorld()
    const server = { first: openInProcess(() => time.monotonic()) }
    const first: LeaseStore & { ping(): Promise<boolean> } = {
      acquireLease: (...args) => server.first.acquireLease(...args),
      renewLease: (...args) => server.first.renewLease(...args),
      releaseLease: (...args) => server.first.releaseLease(...args),
      ping: async () => true,
    }
    const second = openInProcess(() => time.monotonic())
    const workers = ['a', 'b', 'c'].map((name) => join(name, { store: fallBackLease(first, second, time) }))
    await time.advance(1000)
    for (let flush = 0; flush < 20; flush++) {
      server.first = openInProcess(() => time.monotonic())
      await time.advance(7_300)
    }
    expect(events).toEqual(['a begins 1'])
    expect(await server.first.acquireLease('task', 'probe', 1)).toBe(false)
    await Promise.all(workers.map((worker) => worker.holder.stop()))
  })

  test("after a crash the row beside the lease stands in nobody's way", async () => {
    const { time, store } = makeWorld()
    const second = openInProcess(() => time.monotonic())
    const leases = fallBackLease(store, second, time)
    expect(await leases.acquireLease('task', 'dead', 15_000)).toBe(true)
    await time.advance(15_000)
    expect(await leases.freeLeases?.(['task'])).toEqual(['task'])
    expect(await leases.acquireLease('task', 'heir', 15_000)).toBe(true)
  })

  test('takes nothing from the second store while the first answers', async () => {
    const { time, store } = makeWorld()
    const second = openInProcess(() => time.monotonic())
    const leases = fallBackLease(store, second, time)
    await store.acquireLease('task', 'other', 10_000)
    expect(await leases.acquireLease('task', 'mine', 10_000)).toBe(false)
    expect(await second.acquireLease('task', 'probe', 10_000)).toBe(true)
  })
})
