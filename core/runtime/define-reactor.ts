/** What a reactor file exports, and a line of the reactions. */
import type { Context } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'

/** An event as the journal has it. */
export interface JournalEvent {
  readonly index: bigint
  readonly id: string
  readonly type: string
  readonly subject: string
  readonly time: string
  readonly data: Record<string, unknown>
  /** Accounts that may see it; null: everybody. */
  readonly audience: readonly string[] | null
  /** Where the emission policies let it go, as bits: 1 ledger, 2 webhooks, 4 live. Reactors get every event. */
  readonly targets: number
}

export interface Reactor<C> {
  /** Dotted pattern: `*` one token, `>` the rest. */
  readonly on: string
  /**
   * Effects go through `tx`, in which the cursor moves too; it bears being called twice.
   * @returns a hint to give once that is committed (it is lost when the process dies in between), or nothing
   */
  readonly run: Effect<C, JournalEvent>
  /** The same for several events in one transaction. When it fails, they are given to `run` one by one. */
  readonly runAll?: Effect<C, readonly JournalEvent[]>
}

type Effect<C, E> = (ctx: C, event: E, tx: Transaction) => Promise<(() => void) | undefined>

/** Makes a reactor. */
export function defineReactor<C extends Context>(spec: Reactor<C>): Reactor<C> {
  return spec
}

export interface ReactionLine {
  readonly load: () => Promise<{ default: Reactor<never> }>
}
export type Reactions = Readonly<Record<string, ReactionLine>>
