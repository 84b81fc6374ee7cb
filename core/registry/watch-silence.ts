/**
 * Finds out that the TEG is silent: what was sent has no answer, and neither has the question whether it is alive. Its database
 * is not asked: a long batch on one that has one session only (the embedded one) would look like silence.
 */

/** A batch that has no answer for so long is a reason to ask. */
const OVERDUE_MS = 2_000
/** What is alive says so in this time. */
const PROBE_MS = 1_000
/** Between two questions while it is silent. */
const AGAIN_MS = 500

/** Does something later; what it gives takes that back. */
export type After = (ms: number, act: () => void) => () => void

export interface Watch {
  /** True from a question without an answer until anything is answered. */
  silent(): boolean
  /** Asks now. */
  ask(): Promise<boolean>
  /** Something was answered. */
  answered(): void
  /** Watches over a batch on its way: asks when it is overdue, again and again. What it gives ends that. */
  begin(onSilence: () => void): () => void
}

/** @param ping true when the TEG answers before the signal aborts; never throws */
export function makeWatch(ping: (signal: AbortSignal) => Promise<boolean>, after: After = later): Watch {
  let isSilent = false
  const isThere = () => {
    const timeout = new AbortController()
    const stop = after(PROBE_MS, () => timeout.abort())
    return ping(timeout.signal).finally(stop)
  }
  return {
    silent: () => isSilent,
    async ask() {
      isSilent = !(await isThere())
      return !isSilent
    },
    answered() {
      isSilent = false
    },
    begin(onSilence) {
      let ended = false
      const check = async () => {
        const there = await isThere()
        if (ended) return
        isSilent = !there
        if (isSilent) onSilence()
        stop = after(isSilent ? AGAIN_MS : OVERDUE_MS, check)
      }
      let stop = after(OVERDUE_MS, check)
      return () => {
        ended = true
        stop()
      }
    },
  }
}

/** By the clock; it keeps no process alive. */
const later: After = (ms, act) => {
  const timer = setTimeout(act, ms)
  timer.unref?.()
  return () => clearTimeout(timer)
}
