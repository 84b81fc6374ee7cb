/** Holds one lease for as long as the process lives: takes it, renews it, does the work under it, gives it back. */
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import type { Log } from '#core/platform/log.ts'
import { systemTime, type Time } from './time.ts'

export interface LeaseSettings {
  /** A lease that is not renewed lapses after this. */
  readonly ttlMs: number
  readonly renewMs: number
  /** Without a renewal for this long the work is aborted: well before the lease can lapse. */
  readonly giveUpMs: number
  /** Pause between attempts to take or renew. */
  readonly retryMs: number
}

export const leaseSettings: LeaseSettings = {
  ttlMs: 15_000,
  renewMs: 5_000,
  giveUpMs: 10_000,
  retryMs: 2_000,
}

/** The same proportions for another time to live. */
export const leaseSettingsOf = (ttlMs: number): LeaseSettings => ({
  ttlMs,
  renewMs: ttlMs / 3,
  giveUpMs: (ttlMs * 2) / 3,
  retryMs: Math.min(leaseSettings.retryMs, ttlMs / 5),
})

/** Where leases are kept. `freeLeases`: which of these nobody seems to hold; null: the store can't tell. */
export type LeaseStore = Pick<Coordination, 'acquireLease' | 'renewLease' | 'releaseLease'> & {
  freeLeases?(names: readonly string[]): Promise<readonly string[] | null>
}

export interface Held<E = bigint> {
  /** Newer than that of every holder before; the fence of all writes. */
  readonly epoch: E
  /** Aborts when the lease is lost or cannot be renewed in time: what is at work must stop now. */
  readonly lost: AbortSignal
  /** Aborts when the lease is lost or is to be given back: nothing new may begin. */
  readonly ending: AbortSignal
  /** @throws when the lease may have lapsed; to be called before an effect that no fence guards */
  assertHeld(): void
  /** Ends this tenure: the work has found that another holder exists. */
  abandon(reason: Error): void
}

export interface HoldLease<E = bigint> {
  readonly name: string
  readonly store: LeaseStore
  /** Takes the next epoch, after the lease was taken. */
  readonly takeEpoch: () => Promise<E>
  /** Told when the lease has been given back in order. */
  readonly onRelease?: (epoch: E) => Promise<void>
  /** Runs under the lease; returns soon after `ending` has aborted. */
  readonly work: (held: Held<E>) => Promise<void>
  /** Told when a tenure has ended by a loss. */
  readonly onLost?: (reason: unknown) => void
  /** Resolves when the lease may be free; absent: after the pause between attempts. */
  readonly vacant?: (signal: AbortSignal) => Promise<void>
  readonly newToken: () => string
  readonly log: Log
  readonly settings?: LeaseSettings
  readonly time?: Time
}

export class LeaseLost extends Error {
  constructor(name: string, why: string) {
    super(`the lease ${name} ${why}`)
    this.name = 'LeaseLost'
  }
}

export interface LeaseHolder<E = bigint> {
  /** The epoch held now, or null. */
  epoch(): E | null
  /** Ends the work, gives the lease back and resolves when both are done. */
  stop(): Promise<void>
}

/** Starts competing for a lease. No error ends it. */
export function holdLease<E = bigint>(spec: HoldLease<E>): LeaseHolder<E> {
  const settings = spec.settings ?? leaseSettings
  const time = spec.time ?? systemTime
  const stopping = new AbortController()
  let epoch: E | null = null

  const tenure = async (token: string, takenAt: number): Promise<void> => {
    epoch = await spec.takeEpoch()
    const own = { spec, settings, time, token, takenAt, epoch, stop: stopping.signal }
    try {
      await serve(own)
    } finally {
      epoch = null
    }
  }
  const compete = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const token = spec.newToken()
      // Before the request: the lease can only end later than counted from here.
      const takenAt = time.monotonic()
      let taken = false
      try {
        taken = await spec.store.acquireLease(spec.name, token, settings.ttlMs)
        if (taken) await tenure(token, takenAt)
      } catch (error) {
        spec.log.error({ task: spec.name, error }, 'a lease holder failed and goes on')
        await spec.store.releaseLease(spec.name, token).catch(() => undefined)
      }
      // Who has just lost it lets others go first.
      if (spec.vacant && !taken) await spec.vacant(stopping.signal)
      else await time.sleep(settings.retryMs, stopping.signal)
    }
  }
  const ended = compete()
  return {
    epoch: () => epoch,
    async stop() {
      stopping.abort(new LeaseLost(spec.name, 'is given back'))
      await ended
    },
  }
}

interface Tenure<E> {
  readonly spec: HoldLease<E>
  readonly settings: LeaseSettings
  readonly time: Time
  readonly token: string
  readonly takenAt: number
  readonly epoch: E
  readonly stop: AbortSignal
}

/** One tenure: work and renewal side by side until either ends. */
async function serve<E>({ spec, settings, time, token, takenAt, epoch, stop }: Tenure<E>): Promise<void> {
  const lost = new AbortController()
  const over = new AbortController()
  // While the work ends in order after a stop, the lease is still renewed.
  const unneeded = AbortSignal.any([lost.signal, over.signal])
  let renewedAt = takenAt
  const late = () => time.monotonic() - renewedAt >= settings.giveUpMs
  const lose = (why: string) => lost.abort(new LeaseLost(spec.name, why))

  const renew = async (): Promise<void> => {
    let pause = settings.renewMs
    while (!unneeded.aborted) {
      await time.sleep(pause, unneeded)
      if (unneeded.aborted) return
      const askedAt = time.monotonic()
      const found = await spec.store
        .renewLease(spec.name, token, settings.ttlMs)
        .catch(() => 'unknown' as const)
      if (found === 'lost') return lose('was lost')
      if (found === 'held') renewedAt = askedAt
      pause = found === 'held' ? settings.renewMs : Math.min(settings.retryMs, settings.renewMs)
    }
  }
  /** Beside the renewal, which may hang. */
  const watch = async (): Promise<void> => {
    while (!unneeded.aborted) {
      if (late()) return lose('could not be renewed in time')
      await time.sleep(settings.giveUpMs - (time.monotonic() - renewedAt), unneeded)
    }
  }
  const renewing = Promise.all([renew(), watch()])
  try {
    await spec.work({
      epoch,
      lost: lost.signal,
      ending: AbortSignal.any([lost.signal, stop]),
      assertHeld() {
        lost.signal.throwIfAborted()
        if (late()) throw new LeaseLost(spec.name, 'may have lapsed')
      },
      abandon: (reason) => lost.abort(reason),
    })
  } finally {
    over.abort()
    if (lost.signal.aborted) {
      spec.log.warn({ task: spec.name, error: lost.signal.reason }, 'a lease was lost')
      spec.onLost?.(lost.signal.reason)
    }
    await spec.store.releaseLease(spec.name, token).catch(() => undefined)
    if (!lost.signal.aborted) await spec.onRelease?.(epoch).catch(() => undefined)
    await renewing
  }
}
