/** What a FaaS host gives a function beside its event; every adapter brings it in this one shape. */
import type { Clock } from '#core/platform/context.ts'

export type Variables = Readonly<Record<string, string | undefined>>

export interface Platform {
  /** Variables, linked resources and bindings, as the host has them: read by `readEnvironment`. */
  readonly source: Readonly<Record<string, unknown>>
  /** Takes one line of the log. */
  readonly write: (line: string) => void
  /** Work that the answer does not wait for: the host lets it end before it freezes or forgets the instance. */
  readonly background: (work: Promise<unknown>) => void
  /** Connections that one instance may hold; a function works on one request at a time. */
  readonly connections: number
  /** Time and randomness of tests; the system's in production. */
  readonly clock?: Clock
  readonly random?: (size: number) => Uint8Array
}

/** A service opened for one instance, or for one request where sockets can't outlive one. */
export interface Opened<R> {
  readonly resources: R
  close(): Promise<void>
}
