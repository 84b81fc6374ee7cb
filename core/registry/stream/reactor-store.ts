/** Where reactors keep their cursors and parked events. */
import { patternToRegex } from '#core/base/pattern.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import {
  commitLightly,
  countFailure,
  findReplay,
  insertCursor,
  insertParked,
  listMatching,
  lockCursor,
  moveCursor,
  type ReactorEventRow,
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

/** Its document is read when somebody asks for what stands in it: many an effect needs the columns alone. */
class RowEvent implements StoredEvent {
  readonly index: bigint
  readonly id: string
  readonly type: string
  readonly audience: readonly string[] | null
  readonly targets: number
  private readonly text: string
  private read: Pick<StoredEvent, 'subject' | 'time' | 'data'> | undefined

  constructor(row: ReactorEventRow) {
    this.index = row.index
    this.id = row.id
    this.type = row.type
    this.audience = row.audience
    this.targets = row.targets
    this.text = row.envelope
  }

  private get document() {
    this.read ??= JSON.parse(this.text) as Pick<StoredEvent, 'subject' | 'time' | 'data'>
    return this.read
  }

  get subject() {
    return this.document.subject
  }

  get time() {
    return this.document.time
  }

  get data() {
    return this.document.data
  }
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
  /** Locks the cursor for the transaction; one that is not there is made. */
  async lock(tx: Transaction, ctx: RegistryContext, reactor: string, epoch: bigint | null) {
    let row = await lockCursor(tx, reactor, ctx.time)
    if (!row && (await insertCursor(tx, reactor, ctx.time)).length > 0)
      row = await lockCursor(tx, reactor, ctx.time)
    if (row && epoch !== null && row.epoch !== epoch) return { state: 'stale' } as const
    if (!row?.due) return { state: 'busy' } as const
    return { state: 'mine', index: row.index, head: row.head, replay: row.replay } as const
  },
  async read(tx: Transaction, after: bigint, upTo: bigint, on: string): Promise<StoredEvent[]> {
    const rows = await listMatching(tx, { after, upTo }, on === '>' ? null : patternToRegex(on))
    return rows.map((row) => new RowEvent(row))
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
    return row ? new RowEvent(row) : null
  },
  async unpark(tx: Transaction, reactor: string, index: bigint): Promise<void> {
    await removeParked(tx, reactor, index)
  },
}
