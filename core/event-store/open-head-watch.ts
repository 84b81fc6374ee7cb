/** Lets readers wait until the log has grown: told in this process at once, by hints of other processes, or by looking again. */
import type { Coordination } from '#core/platform/coordination/coordination.ts'

/** Channel of the hint that the log has grown; the message is the new size. */
export const LOG_CHANNEL = 'event-store'
/** Without a hint a reader looks again after this. */
export const LOOK_AGAIN_MS = 1000

export interface HeadWatch {
  /** Resolves when the log is known to be larger, at the latest after the time, or when the watch or the signal ends. */
  wait(size: number, milliseconds: number, signal: AbortSignal): Promise<void>
  /** Tells this process and the others; to be called after a commit. */
  tell(size: number): void
  /** True when the host drains: streams end. */
  ended(): boolean
  end(): Promise<void>
}

export async function openHeadWatch(coordination: Coordination): Promise<HeadWatch> {
  const waiting = new Set<{ size: number; go: () => void }>()
  let over = false
  const spread = (size: number) => {
    for (const one of [...waiting]) if (size > one.size) one.go()
  }
  const unsubscribe = await coordination
    .subscribe(LOG_CHANNEL, (message) => spread(Number(message)))
    .catch(() => async () => undefined)
  let telling = false
  let untold = 0
  /** One hint under way at a time; what came meanwhile is told by one more. */
  const publish = async (size: number) => {
    untold = size
    if (telling) return
    telling = true
    while (untold > 0) {
      const next = untold
      untold = 0
      await coordination.publish(LOG_CHANNEL, String(next)).catch(() => undefined)
    }
    telling = false
  }
  return {
    wait(size, milliseconds, signal) {
      if (over || signal.aborted) return Promise.resolve()
      return new Promise((resolve) => {
        const one = { size, go: () => finish() }
        const timer = setTimeout(() => finish(), milliseconds)
        const finish = () => {
          clearTimeout(timer)
          waiting.delete(one)
          signal.removeEventListener('abort', one.go)
          resolve()
        }
        waiting.add(one)
        signal.addEventListener('abort', one.go, { once: true })
      })
    },
    tell(size) {
      spread(size)
      void publish(size)
    },
    ended: () => over,
    async end() {
      over = true
      for (const one of [...waiting]) one.go()
      await unsubscribe()
    },
  }
}
