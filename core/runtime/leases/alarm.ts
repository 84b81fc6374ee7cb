/** A sleep that a hint ends early; a hint that comes before the sleep is not lost. */
import type { Time } from './time.ts'

export interface Alarm {
  wake(): void
  /** Resolves after the time, at a hint, or when the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
}

export function openAlarm(time: Time): Alarm {
  let rung = false
  let asleep: AbortController | null = null
  return {
    wake() {
      rung = true
      asleep?.abort()
    },
    async sleep(milliseconds, signal) {
      if (!rung) {
        asleep = new AbortController()
        const onAbort = () => asleep?.abort()
        signal.addEventListener('abort', onAbort, { once: true })
        if (signal.aborted) onAbort()
        await time.sleep(milliseconds, asleep.signal)
        signal.removeEventListener('abort', onAbort)
        asleep = null
      }
      rung = false
    },
  }
}
