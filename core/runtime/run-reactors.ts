/** Runs the reactions: each reads the journal by index; its effect and its cursor commit together, so each event counts once. */
import { type BackgroundLoop, startLoop } from '#core/platform/background-loop.ts'
import type { Context } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { openSparingLease, type SparingLease } from '#core/platform/sparing-lease.ts'
import type { JournalEvent, Reactions, Reactor } from './define-reactor.ts'

/** Where cursors and parked events are kept; the host hands it in. */
export interface ReactorStore<C> {
  /** Makes the cursor of a new reactor; `lock` does it, too. */
  ensure(tx: Transaction, ctx: C, reactor: string): Promise<void>
  /** Begins the tenure of a holder: what an older one still does is refused from now on. */
  takeEpoch(tx: Transaction, ctx: C, reactor: string, holder: string): Promise<bigint>
  /** Locks the cursor to the end of the transaction. An epoch of null asks for no check. */
  lock(tx: Transaction, ctx: C, reactor: string, epoch: bigint | null): Promise<CursorLock>
  /** Events after an index and up to another one whose types match the pattern, in order. */
  read(tx: Transaction, after: bigint, upTo: bigint, on: string): Promise<JournalEvent[]>
  move(tx: Transaction, ctx: C, reactor: string, index: bigint): Promise<void>
  /** Moves the cursor past events of no interest; a crash may undo it, and they are looked past again. */
  pass(tx: Transaction, ctx: C, reactor: string, index: bigint): Promise<void>
  fail(tx: Transaction, ctx: C, reactor: string, retrySeconds: readonly number[]): Promise<number>
  park(tx: Transaction, ctx: C, parked: ParkedEvent): Promise<void>
  /** A parked event that an operator wants to be tried again. */
  findReplay(tx: Transaction, ctx: C, reactor: string): Promise<JournalEvent | null>
  unpark(tx: Transaction, reactor: string, index: bigint): Promise<void>
}

export interface ParkedEvent {
  readonly reactor: string
  readonly index: bigint
  readonly error: string
  readonly attempts: number
}

/** `busy`: another process works on it, or a retry is not due. `stale`: a newer holder exists. */
export type CursorLock =
  | { readonly state: 'busy' }
  | { readonly state: 'stale' }
  | {
      readonly state: 'mine'
      readonly index: bigint
      /** The journal's last index: all rows up to it are committed. */
      readonly head: bigint
      readonly replay: boolean
    }

/** Journal rows that one transaction looks at. */
const SCAN_MAX = 500n
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
    let epoch: bigint | null = null
    // The lock on the cursor lets one process at a time act; the epoch makes that the one that came last.
    const turn = async (signal: AbortSignal) => {
      if (!(await lease.leads())) {
        epoch = null
        return false
      }
      const ctx = spec.open(`reactor:${name}`, signal)
      epoch ??= await beginTenure(ctx, spec.store, name, token)
      const { more, stale } = await runReactor(ctx, spec.store, name, reactor, epoch)
      if (stale) {
        epoch = null
        await lease.release()
      }
      return more
    }
    // Sockets read the same rows at the same moment, and somebody waits there: who has nothing to do looks less often.
    loops.push(startLoop({ name: `reactor:${name}`, log, turn, busyMs: BUSY_MS, idleMs, gatherMs: BUSY_MS }))
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

async function beginTenure<C extends Context>(
  ctx: C,
  store: ReactorStore<C>,
  name: string,
  holder: string,
): Promise<bigint> {
  return ctx.db.transaction(async (tx) => {
    await store.ensure(tx, ctx, name)
    return store.takeEpoch(tx, ctx, name, holder)
  })
}

/** What one turn did: `acted` on an event or looked past others; `more` when it should be called again at once. */
export interface ReactorTurn {
  readonly more: boolean
  readonly acted: bigint | null
  /** True when a newer holder of the reactor exists: nothing was done. */
  readonly stale?: boolean
}

/** The event that a turn is at, for the record of its failure. */
interface Place {
  event: JournalEvent | null
  parked: boolean
  many: boolean
}

/**
 * One turn: looks past events of other types, runs the effect of the next matching one (or of all that were read), and
 * moves the cursor, in one transaction. A failure rolls both back and is counted; after the last retry the event is
 * parked and the cursor goes on.
 */
export async function runReactor<C extends Context>(
  ctx: C,
  store: ReactorStore<C>,
  name: string,
  reactor: Reactor<C>,
  epoch: bigint | null = null,
): Promise<ReactorTurn> {
  const place: Place = { event: null, parked: false, many: false }
  const attempt = (many: boolean) => takeTurn({ ctx, store, name, reactor, epoch }, many, place)
  try {
    return await attempt(reactor.runAll !== undefined).catch((error) => {
      if (ctx.signal.aborted || !place.many) throw error
      return attempt(false)
    })
  } catch (error) {
    const { event, parked } = place
    if (ctx.signal.aborted || !event) throw error
    return recordFailure({ ctx, store, name, epoch }, event, parked, error)
  }
}

interface Tenure<C> {
  readonly ctx: C
  readonly store: ReactorStore<C>
  readonly name: string
  readonly epoch: bigint | null
}

async function takeTurn<C extends Context>(
  { ctx, store, name, reactor, epoch }: Tenure<C> & { reactor: Reactor<C> },
  many: boolean,
  place: Place,
): Promise<ReactorTurn> {
  let hint: (() => void) | undefined
  Object.assign(place, { event: null, parked: false, many: false })
  const turn = await ctx.db.transaction(async (tx): Promise<ReactorTurn> => {
    const cursor = await store.lock(tx, ctx, name, epoch)
    if (cursor.state === 'stale') return { more: false, acted: null, stale: true }
    if (cursor.state === 'busy') return { more: false, acted: null }
    const replay = cursor.replay ? await store.findReplay(tx, ctx, name) : null
    if (replay) {
      Object.assign(place, { event: replay, parked: true })
      hint = await reactor.run(ctx, replay, tx)
      await store.unpark(tx, name, replay.index)
      return { more: true, acted: replay.index }
    }
    const { index, head } = cursor
    if (index >= head) return { more: false, acted: null }
    const last = index + SCAN_MAX < head ? index + SCAN_MAX : head
    const wanted = await store.read(tx, index, last, reactor.on)
    const full = last < head
    const event = wanted[0] ?? null
    Object.assign(place, { event, many: many && wanted.length > 1 })
    if (reactor.runAll && place.many) {
      hint = await reactor.runAll(ctx, wanted, tx)
      await store.move(tx, ctx, name, last)
      return { more: full, acted: wanted.at(-1)?.index ?? null }
    }
    if (event) {
      hint = await reactor.run(ctx, event, tx)
      await store.move(tx, ctx, name, event.index)
    } else await store.pass(tx, ctx, name, last)
    return { more: full || event !== null, acted: event?.index ?? null }
  })
  hint?.()
  return turn
}

async function recordFailure<C extends Context>(
  { ctx, store, name, epoch }: Tenure<C>,
  event: JournalEvent,
  replayed: boolean,
  error: unknown,
): Promise<ReactorTurn> {
  const words = error instanceof Error ? `${error.name}: ${error.message}` : 'unknown error'
  const parked = await ctx.db.transaction(async (tx) => {
    // The cursor of a new reactor was rolled back with its first event.
    await store.ensure(tx, ctx, name)
    const cursor = await store.lock(tx, ctx, name, epoch)
    if (cursor.state !== 'mine') return false
    const failed = { reactor: name, index: event.index, error: words.slice(0, 2000) }
    if (replayed) {
      await store.park(tx, ctx, { ...failed, attempts: 1 })
      return true
    }
    // Another process has taken the event in the meantime: the failure is no longer of interest.
    if (cursor.index >= event.index) return false
    const attempts = await store.fail(tx, ctx, name, RETRY_SECONDS)
    if (attempts <= RETRY_SECONDS.length) return false
    await store.park(tx, ctx, { ...failed, attempts })
    await store.move(tx, ctx, name, event.index)
    return true
  })
  const fields = { reactor: name, index: String(event.index), event_type: event.type, error }
  if (parked) ctx.log.error(fields, 'reactor has parked an event')
  else ctx.log.warn(fields, 'reactor failed; the event is tried again')
  return { more: parked, acted: null }
}
