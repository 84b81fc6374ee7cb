import { afterEach, describe, expect, test } from 'vitest'
import { type BackgroundLoop, startLoop } from '#core/platform/background-loop.ts'
import { silentLog } from '#core/platform/log-fields.ts'

const NEVER_MS = 3_600_000
const running: BackgroundLoop[] = []
afterEach(async () => {
  for (const loop of running.splice(0)) await loop.stop()
})

/** A loop that turns by hints alone, with the results of its turns. */
function start(found: readonly boolean[], gatherMs?: number) {
  const seen = { turns: 0 }
  const loop = startLoop({
    name: 'loop',
    log: silentLog,
    busyMs: NEVER_MS,
    idleMs: NEVER_MS,
    ...(gatherMs === undefined ? {} : { gatherMs }),
    turn: async () => found[seen.turns++] ?? false,
  })
  running.push(loop)
  return { loop, seen, turns: (count: number) => expect.poll(() => seen.turns).toBe(count) }
}

describe('a background loop', () => {
  test('follows each hint at once', async () => {
    const { loop, turns } = start([])
    loop.wake()
    await turns(2)
    loop.wake()
    await turns(3)
  })

  test('turns again at once while there is more, without a hint', async () => {
    const { turns } = start([true, true, false])
    await turns(3)
  })

  test('gathers the hints behind a turn that found nothing, and ends at once all the same', async () => {
    const { loop, seen, turns } = start([true, false], NEVER_MS)
    // What there was more of is not held back.
    await turns(2)
    for (let hint = 0; hint < 10; hint++) {
      loop.wake()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await loop.stop()
    expect(seen.turns).toBe(2)
  })

  test('follows what it has gathered when the time is over', async () => {
    const { loop, turns } = start([], 20)
    await turns(1)
    for (let hint = 0; hint < 10; hint++) loop.wake()
    await turns(2)
  })
})
