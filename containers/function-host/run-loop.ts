/** A background loop of one process: runs when woken and at least every so often, one run at a time, never ended by an error. */
import type { Log } from '#core/platform/log.ts'

export interface Loop {
  /** Asks for a run soon; asks during a run are answered by one more run. */
  wake(): void
  /** Ends it; the run at work is waited for. */
  stop(): Promise<void>
}

export interface LoopOptions {
  readonly name: string
  readonly everyMs: number
  readonly run: (signal: AbortSignal) => Promise<unknown>
  readonly log: Log
}

const AFTER_ERROR_MS = 1000

/** Starts it; the first run comes at once. */
export function runLoop(options: LoopOptions): Loop {
  const controller = new AbortController()
  let due = Promise.withResolvers<void>()
  const work = async () => {
    while (!controller.signal.aborted) {
      due = Promise.withResolvers<void>()
      let pauseMs = options.everyMs
      try {
        await options.run(controller.signal)
      } catch (error) {
        if (controller.signal.aborted) return
        options.log.error({ task: options.name, error }, 'a background run failed')
        pauseMs = AFTER_ERROR_MS
      }
      const timer = setTimeout(() => due.resolve(), pauseMs)
      await due.promise
      clearTimeout(timer)
    }
  }
  const ended = work()
  return {
    wake: () => due.resolve(),
    async stop() {
      controller.abort(new Error('The host is stopping'))
      due.resolve()
      await ended
    },
  }
}
