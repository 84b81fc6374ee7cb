/** A lane for reads of whole tables: one at a time in a process, shared by all who wait for it, with a rest after each. */
import { fail } from '#core/base/errors.ts'

/** Callers that may wait in one lane. */
const WAITING_MAX = 256
/** A read that takes longer fails: one dead connection must not keep every caller of the process waiting. */
const READ_MS_MAX = 30_000

/** A read; it ends when its signal aborts: after the longest time, and when nobody waits for it any more. */
type Read<T> = (signal: AbortSignal) => Promise<T>

/** Errors of both: the read's own, the reason of the caller's signal, 503 overloaded when too many wait. */
export interface ReadLane {
  /**
   * Makes a read that all who ask before it begins get together. Who asks while one runs waits for the next: the running
   * one may have begun before what the caller has just done, and no answer is older than its question.
   */
  share<T>(read: Read<T>): (signal: AbortSignal) => Promise<T>
  /** Reads for one caller alone, in its turn, without a rest before it. */
  alone<T>(read: Read<T>, signal: AbortSignal): Promise<T>
}

export interface ReadLaneOptions {
  /** Tells how long a read took. */
  readonly clock: { now(): Date }
  /** After a read of so many milliseconds no shared one begins for so many times as long; absent: no rest. */
  readonly restFactor?: number
  /** Most milliseconds of a rest. */
  readonly restMsMax?: number
  readonly waitingMax?: number
  readonly readMsMax?: number
  /** Lets a rest pass (tests). */
  readonly wait?: (milliseconds: number) => Promise<unknown>
}

interface Waiting<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

const pass = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Opens it. */
export function openReadLane(options: ReadLaneOptions): ReadLane {
  const { clock, restFactor = 0, restMsMax = 0, wait = pass } = options
  const { waitingMax = WAITING_MAX, readMsMax = READ_MS_MAX } = options
  const queue: Pick<Turn<never>, 'isRested' | 'isWanted' | 'run' | 'hasBegun'>[] = []
  let waiting = 0
  let isBusy = false
  let rest = { since: 0, ms: 0 }

  const now = () => clock.now().getTime()
  /** A clock that was set back makes no rest longer. */
  const restLeft = () => Math.min(rest.ms, rest.since + rest.ms - now())
  const run = async () => {
    isBusy = true
    for (let turn = queue[0]; turn; turn = queue[0]) {
      const restMs = turn.isRested && turn.isWanted() ? restLeft() : 0
      if (restMs > 0) await wait(restMs)
      queue.shift()
      turn.hasBegun = true
      if (!turn.isWanted()) continue
      const since = now()
      await turn.run(readMsMax)
      const end = now()
      rest = { since: end, ms: Math.min(restMsMax, restFactor * Math.max(0, end - since)) }
    }
    isBusy = false
  }
  const join = async <T>(signal: AbortSignal, turnOf: () => Turn<T>): Promise<T> => {
    signal.throwIfAborted()
    if (waiting >= waitingMax)
      throw fail('overloaded', `${waiting} callers wait for such a read; nothing was done.`, {
        headers: { 'retry-after': '1' },
      })
    waiting++
    try {
      return await turnOf().outcome(signal)
    } finally {
      waiting--
    }
  }
  const enter = <T>(read: Read<T>, isRested: boolean): Turn<T> => {
    const turn = new Turn(read, isRested)
    queue.push(turn)
    // It begins behind whoever has asked for it.
    if (!isBusy) queueMicrotask(() => isBusy || void run())
    return turn
  }
  return {
    share<T>(read: Read<T>) {
      let next: Turn<T> | undefined
      return (signal) =>
        join(signal, () => {
          if (!next || next.hasBegun) next = enter(read, true)
          return next
        })
    },
    alone: (read, signal) => join(signal, () => enter(read, false)),
  }
}

/** One read, and those who wait for it. */
class Turn<T> {
  readonly isRested: boolean
  /** From then on nobody joins. */
  hasBegun = false
  private readonly read: Read<T>
  private readonly waiting = new Set<Waiting<T>>()
  private readonly left = new AbortController()

  constructor(read: Read<T>, isRested: boolean) {
    this.read = read
    this.isRested = isRested
  }

  isWanted(): boolean {
    return this.waiting.size > 0
  }

  /** Ends with the read or when the signal aborts; who leaves as the last one ends the read. */
  outcome(signal: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => {
        this.waiting.delete(own)
        if (this.hasBegun && !this.isWanted()) this.left.abort(signal.reason)
        reject(signal.reason)
      }
      const end = () => signal.removeEventListener('abort', onAbort)
      const own: Waiting<T> = {
        resolve(value) {
          end()
          resolve(value)
        },
        reject(error) {
          end()
          reject(error)
        },
      }
      this.waiting.add(own)
      signal.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** Never rejects: those who wait are told. */
  async run(readMsMax: number): Promise<void> {
    const timer = setTimeout(() => this.left.abort(new Error('A read took too long')), readMsMax)
    try {
      const found = await this.read(this.left.signal)
      for (const { resolve } of this.waiting) resolve(found)
    } catch (error) {
      for (const { reject } of this.waiting) reject(error)
    } finally {
      clearTimeout(timer)
    }
  }
}
