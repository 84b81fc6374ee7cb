/** A loop of background work: one turn at a time, woken by hints, patient after failures, stopped by a handle. */
import type { Log } from './log.ts'

export interface BackgroundLoop {
  /** Asks for a turn soon; cheap, may be called for every request. */
  wake(): void
  /** Ends the loop; resolves when the turn at work is over. */
  stop(): Promise<void>
}

export interface LoopSpec {
  readonly name: string
  readonly log: Log
  /** One turn; true when there may be more to do at once. */
  readonly turn: (signal: AbortSignal) => Promise<boolean>
  /** Milliseconds between turns after work or a hint; doubled at every idle turn. */
  readonly busyMs: number
  /** Most milliseconds between turns. */
  readonly idleMs: number
  /** Hints that come so soon after a turn which found nothing are gathered into one; absent: each is followed at once. */
  readonly gatherMs?: number
}

const FAILURE_MAX_MS = 10_000

/** Starts it; the first turn comes at once. */
export function startLoop(spec: LoopSpec): BackgroundLoop {
  const controller = new AbortController()
  const { signal } = controller
  let hinted = false
  let interrupt: (() => void) | null = null
  let failures = 0
  /** Before it no hint is followed. */
  let earliest = 0

  const pause = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      let timer = setTimeout(end, milliseconds)
      function end() {
        clearTimeout(timer)
        interrupt = null
        resolve()
      }
      interrupt = () => {
        const rest = earliest - performance.now()
        if (signal.aborted || rest <= 0) return end()
        clearTimeout(timer)
        timer = setTimeout(end, Math.min(rest, milliseconds))
      }
      if (signal.aborted || hinted) interrupt()
    })

  const run = async () => {
    let wait = spec.busyMs
    while (!signal.aborted) {
      const wasHinted = hinted
      hinted = false
      try {
        const more = await spec.turn(signal)
        if (failures > 0) spec.log.info({ task: spec.name, count: failures }, 'works again')
        failures = 0
        wait = more || wasHinted ? spec.busyMs : Math.min(spec.idleMs, wait * 2)
        if (more) wait = 0
        earliest = more || !spec.gatherMs ? 0 : performance.now() + spec.gatherMs
      } catch (error) {
        if (signal.aborted) return
        failures++
        // The first failure and every tenth one: a database that is away must not fill the log.
        if (failures % 10 === 1) spec.log.error({ task: spec.name, count: failures, error }, 'turn failed')
        wait = Math.min(FAILURE_MAX_MS, spec.busyMs * 2 ** Math.min(failures, 12))
        hinted = false
      }
      if (wait > 0) await pause(wait)
      else await new Promise((resolve) => setImmediate(resolve))
      if (wait === 0) wait = spec.busyMs
    }
  }
  const done = run()
  return {
    wake() {
      hinted = true
      // After a failure the pause is kept: hints must not turn it into a busy loop.
      if (failures === 0) interrupt?.()
    },
    async stop() {
      controller.abort(new Error('stopping'))
      interrupt?.()
      await done
    },
  }
}
