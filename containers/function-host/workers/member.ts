/** One worker process as its primary sees it: when it is ready, what it last counted, how it ended. */
import type { Worker } from 'node:cluster'
import type { MetricSnapshot } from '#core/platform/metrics-snapshot.ts'
import { type PrimaryMessage, readWorkerMessage } from './messages.ts'
import { reclaimConnections } from './reclaim-connections.ts'

export interface Ending {
  readonly code: number | null
  readonly signal: string | null
  readonly livedMs: number
  readonly wasReady: boolean
}

/** How long the channel of a process that has ended is read to its end. */
const CHANNEL_MS = 500
let asked = 0

export class Member {
  readonly slot: number
  /** True once every service of it answers; false when it ended before or took longer than it may. */
  readonly ready: Promise<boolean>
  readonly ended: Promise<Ending>
  /** Its end has been asked for. */
  isLeaving = false
  isReady = false
  isOver = false
  /** The last figures known of it. */
  snapshot: readonly MetricSnapshot[] = []
  readonly #worker: Worker
  readonly #born = performance.now()
  readonly #answers = new Map<number, () => void>()

  constructor(worker: Worker, slot: number, readyMs: number) {
    this.#worker = worker
    this.slot = slot
    reclaimConnections(worker)
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: string | null) => {
        this.isOver = true
        for (const answer of this.#answers.values()) answer()
        const ending = () => resolve({ code, signal, livedMs: this.ageMs, wasReady: this.isReady })
        if (!worker.isConnected()) return ending()
        // Its last figures may still stand in the channel, which ends after them.
        worker.once('disconnect', ending)
        setTimeout(ending, CHANNEL_MS)
      }
      worker.once('exit', end)
      // A process that could not be made says `error` and never `exit`; other errors are sends that came too late.
      worker.on('error', () => worker.process.pid === undefined && end(-1, null))
    })
    this.ready = new Promise((resolve) => {
      const timer = setTimeout(resolve, readyMs, false)
      void this.ended.then(() => {
        clearTimeout(timer)
        resolve(false)
      })
      worker.on('message', (message) => {
        if (!this.#hear(message)) return
        clearTimeout(timer)
        resolve(true)
      })
    })
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0
  }

  get ageMs(): number {
    return performance.now() - this.#born
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.isOver) this.#worker.process.kill(signal)
  }

  /**
   * Asks it to stop, and kills it when it has not within the time.
   * @param isReplaced another has taken its place: load balancers must not hear that the host is going
   */
  async retire(graceMs: number, isReplaced = false): Promise<void> {
    this.isLeaving = true
    if (isReplaced) this.#tell({ ninefold: 'leave' })
    else this.kill('SIGTERM')
    const last = setTimeout(() => this.kill('SIGKILL'), graceMs)
    await this.ended
    clearTimeout(last)
  }

  /** Renews its figures. @returns false when it did not answer within the time: the old ones stay */
  async renewSnapshot(boundMs: number): Promise<boolean> {
    if (this.isOver || !this.#worker.isConnected()) return false
    const id = ++asked
    let timer: NodeJS.Timeout | undefined
    const answered = await new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, boundMs, false)
      this.#answers.set(id, () => resolve(!this.isOver))
      this.#tell({ ninefold: 'tell-metrics', id })
    })
    clearTimeout(timer)
    this.#answers.delete(id)
    return answered
  }

  #tell(message: PrimaryMessage): void {
    if (this.#worker.isConnected()) this.#worker.send(message)
  }

  /** @returns true when the message says that the worker is ready */
  #hear(raw: unknown): boolean {
    const message = readWorkerMessage(raw)
    if (message?.ninefold === 'ready') {
      this.isReady = true
      return true
    }
    if (message?.ninefold === 'farewell') {
      this.snapshot = message.metrics
      this.#tell({ ninefold: 'farewell' })
    }
    if (message?.ninefold === 'metrics') {
      this.snapshot = message.metrics
      this.#answers.get(message.id)?.()
    }
    return false
  }
}
