/** A clock that tests move by hand: no test sleeps. */
import type { Clock } from '#core/platform/context.ts'

export interface TestClock extends Clock {
  /** Moves time forward. */
  advance(milliseconds: number): void
  set(time: Date): void
}

export function testClock(start = new Date('2026-11-24T12:00:00.000Z')): TestClock {
  let time = start
  return {
    now: () => new Date(time),
    get fixed() {
      return new Date(time)
    },
    advance(milliseconds) {
      time = new Date(time.getTime() + milliseconds)
    },
    set(next) {
      time = next
    },
  }
}
