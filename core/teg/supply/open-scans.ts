/** Reads of whole tables: they take one connection of the gate's pool at most, and from outside a fifth of its time. */
import type { Database } from '#core/platform/database/database.ts'
import { openReadLane, type ReadLane } from '#core/platform/database/read-lane.ts'
import { readSupplySparingly, type SupplyRow } from './queries.ts'

/** After a scan of 200 ms the next one begins no sooner than 800 ms later. */
const REST_FACTOR = 4
/** Of a scan that takes longer than half a second the share is larger: an answer must come within its time. */
const REST_MS_MAX = 2000

export interface Scans extends Pick<ReadLane, 'alone'> {
  /** The supply at a moment behind the question; all who wait share it. */
  supply(signal: AbortSignal): Promise<SupplyRow>
}

export interface ScansOptions {
  /** Not bound to a call: who goes away does not end a scan that others wait for. */
  readonly db: Database
  readonly clock: { now(): Date; readonly fixed: Date | null }
  /** Lets a rest pass (tests). */
  readonly wait?: (milliseconds: number) => Promise<unknown>
}

/** Opens those of a process. */
export function openScans({ db, clock, wait }: ScansOptions): Scans {
  const lane = openReadLane({
    clock,
    restFactor: REST_FACTOR,
    restMsMax: REST_MS_MAX,
    ...(wait ? { wait } : {}),
  })
  return {
    alone: lane.alone,
    supply: lane.share((signal) => readSupplySparingly(db.bound(signal), clock.fixed)),
  }
}
