/** Where reactors keep their cursors and parked events. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { type JournalRow, listJournal } from './queries.ts'
import {
  commitLightly,
  countFailure,
  findReplay,
  insertCursor,
  insertParked,
  lockCursor,
  moveCursor,
  removeParked,
  takeEpoch,
} from './reactor-queries.ts'

/** An event as reactors get it. */
export interface StoredEvent {
  readonly index: bigint
  readonly id: string
  readonly type: string
  readonly subject: string
  readonly time: string
  readonly data: Record<string, unknown>
  readonly audience: readonly string[] | null
  /** Where policies let it go (their target bits); reactors themselves read every event. */
  readonly targets: number
}

const toEvent = (row: JournalRow): StoredEvent => {
  const { id, subject, time, data } = JSON.parse(row.envelope) as Omit<StoredEvent, 'index' | 'type'>
  const { index, type, audience, targets } = row
  return { index, type, id, subject, time, data, audience, targets }
}

/** The store that the runtime's runner uses; it holds no state of its own. */
export const reactorStore = {
  /** Makes the cursor of a new reactor, at the beginning of the journal. */
  async ensure(tx: Transaction, ctx: RegistryContext, reactor: string): Promise<void> {
    insertCursor(tx, reactor, ctx.time)
  },
  /** The next epoch; waits for a transaction of the holder before. */
  takeEpoch: (tx: Transaction, ctx: RegistryContext, reactor: string, holder: string) =>
    takeEpoch(tx, reactor, holder, ctx.time),
  /** Locks the cursor for the transaction. */
  async lock(tx: Transaction, ctx: RegistryContext, reactor: string, epoch: bigint | null) {
    const row = await lockCursor(tx, reactor, ctx.time)
    if (row && epoch !== null && row.epoch !== epoch) return { state: 'stale' } as const
    if (!row?.due) return { state: 'busy' } as const
    return { state: 'mine', index: row.index, replay: row.replay } as const
  },
  async read(tx: Transaction, after: bigint, limit: number): Promise<StoredEvent[]> {
    return (await listJournal(tx, after, limit)).map(toEvent)
  },
  async move(tx: Transaction, ctx: RegistryContext, reactor: string, index: bigint): Promise<void> {
    moveCursor(tx, reactor, index, ctx.time)
  },
  async pass(tx: Transaction, ctx: RegistryContext, reactor: string, index: bigint): Promise<void> {
    commitLightly(tx)
    moveCursor(tx, reactor, index, ctx.time)
  },
  /** Counts a failure of the event after the cursor. @returns failures so far */
  fail: (tx: Transaction, ctx: RegistryContext, reactor: string, retrySeconds: readonly number[]) =>
    countFailure(tx, reactor, retrySeconds, ctx.time),
  /** Puts an event aside with its error, for a person to look at; one that stands there gets the new error. */
  async park(
    tx: Transaction,
    ctx: RegistryContext,
    parked: { reactor: string; index: bigint; error: string; attempts: number },
  ): Promise<void> {
    await insertParked(tx, parked, ctx.time)
  },
  async findReplay(tx: Transaction, ctx: RegistryContext, reactor: string): Promise<StoredEvent | null> {
    const row = await findReplay(tx, reactor, ctx.time)
    return row ? toEvent(row) : null
  },
  async unpark(tx: Transaction, reactor: string, index: bigint): Promise<void> {
    await removeParked(tx, reactor, index)
  },
}
