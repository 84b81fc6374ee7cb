/** One place for a worker: keeps one at work in it, replaces it after a crash, changes it for a fresh one. */
import type { Log } from '#core/platform/log.ts'
import type { Ending, Member } from './member.ts'

/** Times in milliseconds. */
export interface Pace {
  /** Pause before the first replacement; doubled with every failure in a row. */
  readonly backoffFirstMs: number
  readonly backoffMaxMs: number
  /** A worker that lived this long has proved that it can. */
  readonly stableMs: number
  /** Longest time from the fork to being ready. */
  readonly readyMs: number
  /** From the request to stop to the kill. */
  readonly killMs: number
}

export interface SlotPorts {
  readonly pace: Pace
  readonly log: Log
  readonly launch: (slot: number) => Member
  /** Between 0 and 1. */
  readonly random: () => number
  readonly isStopping: () => boolean
  readonly onReady: (member: Member) => void
  /** Called for every end, before the slot acts on it. */
  readonly onEnd: (member: Member, ending: Ending) => void
}

export class Slot {
  readonly number: number
  /** The member that holds the place; null while a replacement waits for its time. */
  current: Member | null = null
  /** All processes of this place: a fresh one on its way in, the current one, those on their way out. */
  readonly members = new Set<Member>()
  readonly #ports: SlotPorts
  #next: Member | null = null
  #failures = 0
  #timer: NodeJS.Timeout | null = null

  constructor(number: number, ports: SlotPorts) {
    this.number = number
    this.#ports = ports
  }

  /** Forks the first worker. */
  open(): Member {
    this.current = this.#launch()
    return this.current
  }

  /**
   * Changes the worker for a fresh one, which is ready before the old one is asked to stop.
   * @returns false when the fresh one did not become ready: the old one stays
   */
  async renew(): Promise<boolean> {
    this.#clearTimer()
    const old = this.current
    const fresh = this.#launch()
    this.#next = fresh
    const isReady = await fresh.ready
    this.#next = null
    if (this.#ports.isStopping()) return false
    if (!isReady) {
      if (!this.current) this.#refillLater()
      return false
    }
    this.current = fresh
    if (old && !old.isOver) await old.retire(this.#ports.pace.killMs, true)
    return true
  }

  /** Forks nothing more. */
  close(): void {
    this.#clearTimer()
  }

  #launch(): Member {
    const member = this.#ports.launch(this.number)
    this.members.add(member)
    void member.ended.then((ending) => this.#onEnd(member, ending))
    void member.ready.then((isReady) => {
      if (isReady) this.#ports.onReady(member)
      else member.kill('SIGKILL')
    })
    return member
  }

  #onEnd(member: Member, ending: Ending): void {
    this.members.delete(member)
    const isCurrent = this.current === member
    if (isCurrent) this.current = null
    const isUnasked = !member.isLeaving && !this.#ports.isStopping()
    if (isUnasked) this.#tellEnd(ending)
    this.#ports.onEnd(member, ending)
    if (!isUnasked || this.#ports.isStopping()) return
    this.#failures = ending.livedMs > this.#ports.pace.stableMs ? 1 : this.#failures + 1
    // While a fresh one is on its way in, that one takes the place.
    if (isCurrent && !this.#next) this.#refillLater()
  }

  #tellEnd({ code, signal, livedMs, wasReady }: Ending): void {
    const fields = {
      worker: this.number,
      ...(code === null ? {} : { status: code }),
      ...(signal === null ? {} : { code: signal }),
      duration_ms: Math.round(livedMs),
    }
    this.#ports.log.warn(fields, wasReady ? 'a worker ended' : 'a worker ended before it was ready')
  }

  /** Spread at random, so that workers felled by one cause do not come back in one moment. */
  #refillLater(): void {
    if (this.#timer) return
    const { backoffFirstMs, backoffMaxMs } = this.#ports.pace
    const most = Math.min(backoffMaxMs, backoffFirstMs * 2 ** Math.min(Math.max(0, this.#failures - 1), 16))
    this.#timer = setTimeout(
      () => {
        this.#timer = null
        if (!this.#ports.isStopping() && !this.current && !this.#next) this.open()
      },
      most * (0.5 + this.#ports.random() / 2),
    )
  }

  #clearTimer(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }
}
