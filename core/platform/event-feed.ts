/** The port of live events: one reader of the journal in a process feeds any number of followers, each at its own pace. */
import type { Caller } from '#core/base/caller.ts'

/** An event on its way to readers; the object is shared by all followers. */
export interface FeedEvent {
  readonly index: bigint
  readonly type: string
  /** The CloudEvents document, byte for byte as the journal keeps it. */
  readonly text: string
}

export interface FollowOptions {
  /** Decides what is visible. */
  readonly caller: Caller
  /** The first event given is the next visible one after this index. */
  readonly after: bigint
  /** Patterns of types; null: all. */
  readonly types: readonly string[] | null
  /**
   * Takes one event; `more`: others may follow in this moment. False pauses the follower until `resume`; the event given
   * counts as taken.
   */
  readonly deliver: (event: FeedEvent, more: boolean) => boolean
}

export interface Follower {
  /** The last index looked at: everything visible up to it was delivered. */
  position(): bigint
  resume(): void
  stop(): void
}

export interface EventFeed {
  /** The newest index, freshly read. */
  head(): Promise<bigint>
  /** Follows the journal from an index: no loss, no duplicate, in order. */
  follow(options: FollowOptions): Follower
  /**
   * Takes a place for a stream of a principal.
   * @returns a function that gives the place back, or which limit refuses it
   */
  enter(principal: string): (() => void) | 'principal' | 'total'
  /** Ends all followers and the reader; `onClose` listeners are told first. */
  close(): Promise<void>
  /** Calls the listener when the feed closes. @returns a function that takes it back */
  onClose(listener: () => void): () => void
}

/** Streams (WebSocket and SSE) that one principal may hold open in one process. */
export const STREAMS_PER_PRINCIPAL = 20
/** Streams that one process holds open. */
export const STREAMS_TOTAL = 4000
