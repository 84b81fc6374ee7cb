/** The registry's way to the EventStore: the same requests in process and over HTTP. */
import type { AppendReply, Audit, ConsistencyProof, SourceHead } from '#core/wire/event-store.ts'

/** What a call carries along. */
export interface EventStoreCall {
  readonly requestId: string
  readonly signal: AbortSignal
}

/** An event exactly as the journal fixed it. */
export interface ForwardedEvent {
  readonly source: string
  readonly sequence: string
  readonly id: string
  /** base64url */
  readonly salt: string
  readonly payload: string
}

/** The EventStore refused a request for a reason that a repeat does not change. */
export class EventStoreRefusal extends Error {
  readonly code: string
  readonly status: number
  /** The members of its problem document. */
  readonly problem: Readonly<Record<string, unknown>>
  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    super(`The EventStore refused: ${String(problem.code)}: ${String(problem.detail)}`)
    this.name = 'EventStoreRefusal'
    this.status = status
    this.code = String(problem.code)
    this.problem = problem
  }
}

/** It did not answer, or not with sense; the same request may be sent again. */
export class EventStoreAway extends Error {
  readonly code = 'event_store_away'
  constructor(words: string, cause?: unknown) {
    super(`The EventStore is away: ${words}`, { cause })
    this.name = 'EventStoreAway'
  }
}

export interface EventStoreClient {
  /** @throws EventStoreRefusal, EventStoreAway */
  append(call: EventStoreCall, events: readonly ForwardedEvent[]): Promise<AppendReply>
  /** @throws EventStoreRefusal, EventStoreAway */
  proveConsistency(call: EventStoreCall, first: number, second: number): Promise<ConsistencyProof>
  /** What a source has told. @throws EventStoreRefusal, EventStoreAway */
  findHead(call: EventStoreCall, source: string): Promise<SourceHead>
  /** Has it recompute its whole log; takes as long as that does. @throws EventStoreRefusal, EventStoreAway */
  audit(call: EventStoreCall): Promise<Audit>
  /** True when it answers. */
  ping(call: EventStoreCall): Promise<boolean>
}
