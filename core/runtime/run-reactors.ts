/** Runs the reactions: each reads the journal by index; its effect and its cursor commit together, so each event counts once. */
import { matchesPattern } from '#core/base/pattern.ts'
import { type BackgroundLoop, startLoop } from '#core/platform/background-loop.ts'
import type { Context } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { openSparingLease, type SparingLease } from '#core/platform/sparing-lease.ts'
import type { JournalEvent, Reactions, Reactor } from './define-reactor.ts'

/** Where cursors and parked events are kept; the host hands it in. */
export interface ReactorStore<C> {
  ensure(tx: Transaction, ctx: C, reactor: string): Promise<void>
  /** Locks the cursor; null while another process works on it or a retry is not due. */
  lock(tx: Transaction, ctx: C, reactor: string): Promise<bigint | null>
  read(tx: Transaction, after: bigint, limit: number): Promise<JournalEvent[]>
  move(tx: Transaction, ctx: C, reactor: string, index: bigint): Promise<void>
  fail(tx: Transaction, ctx: C, reactor: string, retrySeconds: readonly number[]): Promise<number>
  park(
    tx: Transaction,
    ctx: C,
    parked: { reactor: string; index: bigint; error: string; attempts: number },
  ): Promise<void>
}

/** Journal rows that one transaction looks at. */
const SCAN_MAX = 200
/** Waits before the second, third, ... attempt at an event; after the last one it is parked. */
export const RETRY_SECONDS = [1, 5, 30, 120] as const
const BUSY_MS = 50
const IDLE_MS = 1000
/** On the embedded database every hint of a grown journal comes from this process and arrives. */
const IDLE_EMBEDDED_MS = 5000
/** The channel on which the relay hints that the journal has grown. */
const JOURNAL_CHANNEL = 'journal'

export interface ReactorSpec<C extends Context> {
  readonly reactions: Reactions
  readonly store: ReactorStore<C>
  /** A fresh context for one turn. */
  readonly open: (name: string, signal: AbortSignal) => C
}

export interface Reactors {
  wake(): void
  stop(): Promise<void>
}

/** Starts a loop per reaction, each under a lease of its own. */
export async function startReactors<C extends Context>(
  spec: ReactorSpec<C>,
  resources: Pick<Context, 'coordination' | 'db' | 'log' | 'random'>,
): Promise<Reactors> {
  const { coordination, log } = resources
  const token = Buffer.from(resources.random(12)).toString('base64url')
  const idleMs = resources.db.kind === 'pglite' ? IDLE_EMBEDDED_MS : IDLE_MS
  const loops: BackgroundLoop[] = []
  const leases: SparingLease[] = []
  for (const [name, line] of Object.entries(spec.reactions)) {
    const reactor = (await line.load()).default as unknown as Reactor<C>
    const lease = openSparingLease(coordination, `reactor:${name}`, token)
    leases.push(lease)
    // The lock on the cursor lets one process at a time act, with or without the lease.
    const turn = async (signal: AbortSignal) => {
      if (!(await lease.leads())) return false
      return (await runReactor(spec.open(`reactor:${name}`, signal), spec.store, name, reactor)).more
    }
    loops.push(startLoop({ name: `reactor:${name}`, log, turn, busyMs: BUSY_MS, idleMs }))
  }
  const wake = () => {
    for (const loop of loops) loop.wake()
  }
  const unsubscribe = await coordination.subscribe(JOURNAL_CHANNEL, wake).catch(() => async () => undefined)
  return {
    wake,
    async stop() {
      await unsubscribe()
      await Promise.all(loops.map((loop) => loop.stop()))
      for (const lease of leases) await lease.release()
    },
  }
}

/** What one turn did: `acted` on an event or looked past others; `more` when it should be called again at once. */
export interface ReactorTurn {
  readonly more: boolean
  readonly acted: bigint | null
}

/**
 * One turn: looks past events of other types, runs the effect of the next matching one, and moves the cursor, in one
 * transaction. A failure rolls both back and is counted; after the last retry the event is parked and the cursor goes on.
 */
export async function runReactor<C extends Context>(
  ctx: C,
  store: ReactorStore<C>,
  name: string,
  reactor: Reactor<C>,
): Promise<ReactorTurn> {
  const at: { event: JournalEvent | null; hint: (() => void) | undefined } = { event: null, hint: undefined }
  try {
    const turn = await ctx.db.transaction(async (tx): Promise<ReactorTurn> => {
      await store.ensure(tx, ctx, name)
      const cursor = await store.lock(tx, ctx, name)
      if (cursor === null) return { more: false, acted: null }
      const events = await store.read(tx, cursor, SCAN_MAX)
      const last = events.at(-1)
      if (!last) return { more: false, acted: null }
      const event = events.find(({ type }) => matchesPattern(reactor.on, type)) ?? null
      at.event = event
      if (event) at.hint = await reactor.run(ctx, event, tx)
      await store.move(tx, ctx, name, (event ?? last).index)
      return { more: events.length === SCAN_MAX || event !== null, acted: event?.index ?? null }
    })
    at.hint?.()
    return turn
  } catch (error) {
    const failed = at.event
    if (ctx.signal.aborted || !failed) throw error
    return recordFailure(ctx, store, name, failed, error)
  }
}

async function recordFailure<C extends Context>(
  ctx: C,
  store: ReactorStore<C>,
  name: string,
  event: JournalEvent,
  error: unknown,
): Promise<ReactorTurn> {
  const parked = await ctx.db.transaction(async (tx) => {
    const cursor = await store.lock(tx, ctx, name)
    // Another process has taken the event in the meantime: the failure is no longer of interest.
    if (cursor === null || cursor >= event.index) return false
    const attempts = await store.fail(tx, ctx, name, RETRY_SECONDS)
    if (attempts <= RETRY_SECONDS.length) return false
    const words = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown error'
    await store.park(tx, ctx, { reactor: name, index: event.index, error: words.slice(0, 2000), attempts })
    return true
  })
  const fields = { reactor: name, index: String(event.index), event_type: event.type, error }
  if (parked) ctx.log.error(fields, 'reactor has parked an event')
  else ctx.log.warn(fields, 'reactor failed; the event is tried again')
  return { more: parked, acted: null }
}
