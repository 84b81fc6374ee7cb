/** Durations that tests move by hand: sleepers wake in order, and what they start settles before time goes on. */
import type { Time } from '#core/runtime/leases/time.ts'

export interface FakeTime extends Time {
  advance(milliseconds: number): Promise<void>
}

export interface FakeTimeOptions {
  /** Waits until nothing runs that isn't asleep. */
  settle?: () => Promise<void>
  /** Told by how much time moves. */
  onMove?: (milliseconds: number) => void
}

/** Lets the event loop turn until promises that need no I/O have settled. */
async function turn(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

export function fakeTime({ settle = turn, onMove = () => undefined }: FakeTimeOptions = {}): FakeTime {
  let now = 0
  const sleepers = new Set<{ at: number; wake: () => void }>()
  const moveTo = (at: number) => {
    if (at > now) onMove(at - now)
    now = Math.max(now, at)
  }
  return {
    monotonic: () => now,
    sleep: (milliseconds, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const sleeper = {
          at: now + Math.max(0, milliseconds),
          wake() {
            sleepers.delete(sleeper)
            signal?.removeEventListener('abort', sleeper.wake)
            resolve()
          },
        }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', sleeper.wake, { once: true })
      }),
    async advance(milliseconds) {
      const end = now + milliseconds
      for (;;) {
        await settle()
        let first: { at: number; wake: () => void } | undefined
        for (const sleeper of sleepers)
          if (sleeper.at <= end && (!first || sleeper.at < first.at)) first = sleeper
        if (!first) break
        moveTo(first.at)
        first.wake()
      }
      moveTo(end)
      await settle()
    },
  }
}
