/** Waits for leases to become free: one question to the store for all that are waited for, however many they are. */
import { openAlarm } from './alarm.ts'
import type { LeaseStore } from './hold-lease.ts'
import type { Time } from './time.ts'

export interface Vacancies {
  /** Resolves when the lease looks free, or when the signal aborts. */
  wait(name: string, signal: AbortSignal): Promise<void>
  /** Asks the store now: somebody has given a lease back. */
  wake(): void
}

export function watchVacancies(store: LeaseStore, time: Time, retryMs: number): Vacancies {
  const waiting = new Map<string, () => void>()
  const alarm = openAlarm(time)
  let idle = new AbortController()
  let running = false

  const watch = async (): Promise<void> => {
    while (waiting.size > 0) {
      await alarm.sleep(retryMs, idle.signal)
      const names = [...waiting.keys()]
      if (names.length === 0) break
      // A store that can't tell is asked for the lease itself.
      const free = (await store.freeLeases?.(names).catch(() => null)) ?? names
      for (const name of free) waiting.get(name)?.()
    }
    running = false
  }
  return {
    wake: alarm.wake,
    wait: (name, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve()
        const done = () => {
          signal.removeEventListener('abort', done)
          waiting.delete(name)
          if (waiting.size === 0) idle.abort()
          resolve()
        }
        if (waiting.size === 0) idle = new AbortController()
        waiting.set(name, done)
        signal.addEventListener('abort', done, { once: true })
        if (running) return
        running = true
        void watch()
      }),
  }
}
