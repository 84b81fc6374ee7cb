/** Reads of whole tables: shared, one at a time, with rests, and no answer older than its question. */
import { describe, expect, test } from 'vitest'
import { openReadLane, type ReadLaneOptions } from '#core/platform/database/read-lane.ts'
import { testClock } from '#test/support/clock.ts'

const untold = () => new AbortController().signal
/** Lets everything happen that waits for nothing but promises. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A lane whose reads end by hand and whose rests pass by hand; each read answers with what was true when it began. */
function world(more: Partial<ReadLaneOptions> = {}) {
  const clock = testClock()
  const running: { finish: (tookMs: number) => Promise<void>; break: (error: Error) => void }[] = []
  const rests: number[] = []
  let endRest: () => void = () => undefined
  const state = { fact: 0, begun: 0, most: 0 }
  const lane = openReadLane({
    clock,
    restFactor: 4,
    restMsMax: 2000,
    wait: (ms) => {
      rests.push(ms)
      return new Promise<void>((resolve) => {
        endRest = resolve
      })
    },
    ...more,
  })
  const read = (signal: AbortSignal) =>
    new Promise<number>((resolve, reject) => {
      state.begun++
      const { fact } = state
      const mine = {
        finish: (tookMs: number) => {
          clock.advance(tookMs)
          running.splice(running.indexOf(mine), 1)
          resolve(fact)
          return settle()
        },
        break: (error: Error) => {
          running.splice(running.indexOf(mine), 1)
          reject(error)
        },
      }
      running.push(mine)
      state.most = Math.max(state.most, running.length)
      signal.addEventListener('abort', () => mine.break(signal.reason as Error))
    })
  return {
    clock,
    lane,
    read,
    ask: lane.share(read),
    running,
    rests,
    state,
    async passRest() {
      clock.advance(rests.at(-1) ?? 0)
      endRest()
      await settle()
    },
  }
}

describe('a shared read', () => {
  test('who asks while one runs waits for the next, which all of them share', async () => {
    const w = world()
    const first = w.ask(untold())
    await settle()
    w.state.fact = 1
    const others = Array.from({ length: 30 }, () => w.ask(untold()))
    await settle()
    expect(w.state.begun).toBe(1)
    await w.running[0]?.finish(0)
    expect(await first).toBe(0)
    await w.running[0]?.finish(0)
    expect(new Set(await Promise.all(others))).toEqual(new Set([1]))
    expect(w.state).toMatchObject({ begun: 2, most: 1 })
  })

  test('begins anew for each question when nobody waits: an answer is kept for nobody', async () => {
    const w = world()
    for (const fact of [1, 2]) {
      w.state.fact = fact
      const asked = w.ask(untold())
      await settle()
      await w.running[0]?.finish(0)
      expect(await asked).toBe(fact)
    }
  })

  test('rests four times as long as the read took, and who comes during the rest shares what follows', async () => {
    const w = world()
    const first = w.ask(untold())
    await settle()
    await w.running[0]?.finish(200)
    await first
    w.clock.advance(300)
    const early = w.ask(untold())
    await settle()
    expect([w.rests, w.state.begun]).toEqual([[500], 1])
    w.state.fact = 7
    const late = w.ask(untold())
    await w.passRest()
    await w.running[0]?.finish(200)
    expect(await Promise.all([early, late])).toEqual([7, 7])
    w.clock.advance(800)
    void w.ask(untold())
    await settle()
    expect([w.rests, w.state.begun]).toEqual([[500], 3])
  })

  test('rests two seconds at most, and no longer when the clock is set back', async () => {
    const w = world()
    void w.ask(untold())
    await settle()
    await w.running[0]?.finish(10_000)
    w.clock.advance(-60_000)
    void w.ask(untold())
    await settle()
    expect(w.rests).toEqual([2000])
  })

  test('a failure is told to all who share it, and the next one is read anew', async () => {
    const w = world()
    void w.ask(untold()).catch(() => undefined)
    await settle()
    const both = [w.ask(untold()), w.ask(untold())]
    w.running[0]?.break(new Error('first'))
    await settle()
    w.running[0]?.break(new Error('second'))
    const told = await Promise.allSettled(both)
    expect(told.map((one) => String((one as PromiseRejectedResult).reason))).toEqual(
      Array(2).fill('Error: second'),
    )
    const next = w.ask(untold())
    await settle()
    await w.running[0]?.finish(0)
    expect(await next).toBe(0)
  })

  test('who leaves is let go at once; the read goes on for the others and ends with the last', async () => {
    const w = world()
    const [one, other] = [new AbortController(), new AbortController()]
    const asked = [w.ask(one.signal), w.ask(other.signal)]
    await settle()
    one.abort(new Error('late'))
    await expect(asked[0]).rejects.toThrow('late')
    expect(w.running).toHaveLength(1)
    other.abort(new Error('gone'))
    await expect(asked[1]).rejects.toThrow('gone')
    expect(w.running).toHaveLength(0)
  })

  test('what nobody waits for any more is not begun', async () => {
    const w = world()
    const first = w.ask(untold())
    await settle()
    const leaving = new AbortController()
    const left = w.ask(leaving.signal)
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    await w.running[0]?.finish(0)
    await first
    expect([w.state.begun, w.running.length]).toEqual([1, 0])
    await expect(w.ask(AbortSignal.abort(new Error('before')))).rejects.toThrow('before')
  })

  test('beyond so many that wait it answers 503 overloaded, and takes more when they are gone', async () => {
    const w = world({ waitingMax: 3 })
    const asked = [w.ask(untold()), w.ask(untold()), w.ask(untold())]
    await expect(w.ask(untold())).rejects.toMatchObject({
      status: 503,
      code: 'overloaded',
      headers: { 'retry-after': '1' },
    })
    await settle()
    await w.running[0]?.finish(0)
    await Promise.all(asked)
    void w.ask(untold())
    await settle()
    expect(w.running).toHaveLength(1)
  })

  test('one that hangs fails after its time', async () => {
    const w = world({ readMsMax: 5 })
    await expect(w.ask(untold())).rejects.toThrow('took too long')
  })
})

test('a read of one caller takes its turn among the others, without a rest before it but with one behind it', async () => {
  const w = world()
  const shared = w.ask(untold())
  await settle()
  const mine = [w.lane.alone(w.read, untold()), w.lane.alone(w.read, untold())]
  await settle()
  expect(w.state.begun).toBe(1)
  await w.running[0]?.finish(100)
  await shared
  await w.running[0]?.finish(100)
  await w.running[0]?.finish(100)
  await Promise.all(mine)
  expect([w.rests, w.state]).toEqual([[], { fact: 0, begun: 3, most: 1 }])
  void w.ask(untold())
  await settle()
  expect(w.rests).toEqual([400])
})
