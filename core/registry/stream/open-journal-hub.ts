/** The one reader of the journal in a process: reads each row once, by index, and feeds all followers from memory. */

import { targetBits } from '#core/base/emission-policy.ts'
import { openTrie } from '#core/base/pattern-trie.ts'
import { type BackgroundLoop, startLoop } from '#core/platform/background-loop.ts'
import type { Resources } from '#core/platform/context.ts'
import {
  type EventFeed,
  type FeedEvent,
  type Follower,
  type FollowOptions,
  STREAMS_PER_PRINCIPAL,
  STREAMS_TOTAL,
} from '#core/platform/event-feed.ts'
import { findHead, type JournalRow, listJournal } from './queries.ts'
import { JOURNAL_CHANNEL } from './relay-events.ts'
import { mayRead, viewerOf, withLedgerIndex } from './rules.ts'

const READ_MAX = 500
/** Rows that one read for a follower behind brings: a slow one takes no more at a time anyway. */
const BEHIND_MAX = 200
/** Newest rows kept for followers, by number and characters; who is further behind reads the database. */
const RECENT_MAX = 2000
const RECENT_CHARACTERS_MAX = 16 * 1024 * 1024
/** Where hints do not come. */
const POLL = { busyMs: 100, idleMs: 1000 }

interface HeldEvent extends FeedEvent, Pick<JournalRow, 'audience' | 'parties' | 'targets'> {}

/** Opens the feed. It reads nothing until somebody follows. */
export function openJournalHub(
  resources: Pick<Resources, 'db' | 'coordination' | 'log'>,
  poll: { readonly busyMs: number; readonly idleMs: number } = POLL,
): EventFeed {
  const { db, coordination, log } = resources
  const recent: HeldEvent[] = []
  const reading = new Map<bigint, Promise<HeldEvent[]>>()
  const followers = new Set<() => void>()
  /** Who wants what: an event's type is matched once for all followers. */
  const wanted = openTrie<() => void>()
  const places = new Map<string, number>()
  const closers = new Set<() => void>()
  let head = 0n
  let placesTaken = 0
  let reader: { loop: BackgroundLoop; unsubscribe: Promise<() => Promise<void>> } | null = null
  let closed = false

  /** Rows after an index: from memory, or one read of the database for all who ask from there. */
  const rowsAfter = (after: bigint): HeldEvent[] | Promise<HeldEvent[]> => {
    const first = recent[0]
    if (first && after >= first.index - 1n) return recent.slice(Number(after - first.index) + 1)
    const running = reading.get(after)
    if (running) return running
    const read = listJournal(db, after, BEHIND_MAX)
      .then((rows) => rows.map(hold))
      .finally(() => reading.delete(after))
    reading.set(after, read)
    return read
  }

  /** Brings the memory up to date with the journal. */
  const readOn = async (): Promise<boolean> => {
    const rows = await listJournal(db, head, READ_MAX)
    const fresh = rows.filter((row) => row.index > head).map(hold)
    if (fresh.length > 0) {
      // A hole would mean that this memory missed something: it starts anew rather than hide it.
      if (recent.length > 0 && fresh[0]?.index !== head + 1n) recent.length = 0
      recent.push(...fresh)
      head = (fresh.at(-1) as HeldEvent).index
      trim(recent)
    }
    for (const tell of [...followers]) tell()
    return rows.length === READ_MAX
  }

  let primed = false
  let refreshing: Promise<void> | null = null
  /** One at a time; a reader that has just started begins at the head, not at the beginning of history. */
  const refresh = () => {
    refreshing ??= (async () => {
      if (!primed) {
        recent.length = 0
        head = await findHead(db)
        primed = true
      }
      while (await readOn());
    })().finally(() => {
      refreshing = null
    })
    return refreshing
  }

  const startReader = () => {
    if (reader || closed) return
    const loop = startLoop({
      name: 'journal-hub',
      log,
      ...poll,
      async turn() {
        // A look that somebody's question for the head has begun may be older than the hint: it does not do for this turn.
        await refreshing?.catch(() => undefined)
        await refresh()
        return false
      },
    })
    // Without hints the reader still polls.
    const unsubscribe = coordination.subscribe(JOURNAL_CHANNEL, loop.wake).catch((error) => {
      log.warn({ task: 'journal-hub', error }, 'no hints: the journal is polled')
      return async () => undefined
    })
    reader = { loop, unsubscribe }
  }
  const stopReader = async () => {
    const stopping = reader
    reader = null
    primed = false
    if (!stopping) return
    await stopping.loop.stop()
    await (await stopping.unsubscribe)()
  }

  const follow = (options: FollowOptions): Follower => {
    const viewer = viewerOf(options.caller)
    const types = options.types ?? ['>']
    let position = options.after
    let state: 'running' | 'paused' | 'stopped' = 'running'
    let pumping = false
    const give = (rows: readonly HeldEvent[]) => {
      const last = rows.at(-1)
      for (const row of rows) {
        if (state !== 'running') return
        position = row.index
        if (
          (row.targets & targetBits.live) !== 0 &&
          wanted.match(row.type).has(pump) &&
          mayRead(viewer, row) &&
          !options.deliver(row, row !== last) &&
          state === 'running'
        )
          state = 'paused'
      }
    }
    const pump = async () => {
      if (pumping) return
      pumping = true
      try {
        while (state === 'running' && position < head) {
          const rows = rowsAfter(position)
          const given = Array.isArray(rows) ? rows : await rows
          if (given.length === 0) break
          give(given)
        }
      } catch (error) {
        // The reader's next turn asks again, from the same position.
        log.warn({ task: 'journal-hub', error }, 'a follower could not read')
      } finally {
        pumping = false
      }
    }
    followers.add(pump)
    wanted.add(types, pump)
    startReader()
    void pump()
    return {
      position: () => position,
      resume() {
        if (state !== 'paused') return
        state = 'running'
        void pump()
      },
      stop() {
        state = 'stopped'
        followers.delete(pump)
        wanted.remove(types, pump)
        if (followers.size === 0) void stopReader()
      },
    }
  }

  return {
    follow,
    async head() {
      if (!reader) return findHead(db)
      await refresh()
      return head
    },
    enter(principal) {
      const held = places.get(principal) ?? 0
      if (held >= STREAMS_PER_PRINCIPAL) return 'principal'
      if (placesTaken >= STREAMS_TOTAL) return 'total'
      places.set(principal, held + 1)
      placesTaken++
      let left = false
      return () => {
        if (left) return
        left = true
        placesTaken--
        const rest = (places.get(principal) ?? 1) - 1
        if (rest > 0) places.set(principal, rest)
        else places.delete(principal)
      }
    },
    onClose(listener) {
      // A stream that came with the last connections ends at once, when it has been opened.
      if (closed) queueMicrotask(listener)
      closers.add(listener)
      return () => closers.delete(listener)
    },
    async close() {
      closed = true
      for (const listener of [...closers]) listener()
      followers.clear()
      await stopReader()
    },
  }
}

/** Drops the oldest rows beyond the bounds. */
function trim(recent: HeldEvent[]): void {
  let characters = 0
  let keep = 0
  while (keep < recent.length && keep < RECENT_MAX) {
    characters += recent[recent.length - 1 - keep]?.text.length ?? 0
    if (characters > RECENT_CHARACTERS_MAX) break
    keep++
  }
  recent.splice(0, recent.length - keep)
}

const hold = (row: JournalRow): HeldEvent => ({
  index: row.index,
  type: row.type,
  text: withLedgerIndex(row),
  audience: row.audience,
  parties: row.parties,
  targets: row.targets,
})
