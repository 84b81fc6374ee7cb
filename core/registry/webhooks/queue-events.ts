/** Queues events for the webhooks that want them and may see them: one delivery per webhook and index. */

import { targetBits } from '#core/base/emission-policy.ts'
import { openTrie, type PatternTrie } from '#core/base/pattern-trie.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { insertDeliveries } from './delivery-queries.ts'
import { type ListenerRow, listListeners, readSetVersion } from './queries.ts'
import { idsInOrder } from './rules.ts'

/** An event as the reactor has it. */
export interface QueuedEvent {
  readonly index: bigint
  readonly id: string
  readonly type: string
  /** Accounts that may see it; null: everybody. */
  readonly audience: readonly string[] | null
  /** Where policies let it go: target bits. */
  readonly targets: number
}

interface Listeners {
  readonly version: bigint
  readonly trie: PatternTrie<ListenerRow>
}
/** Who listens, by registry (its keys stand for it); read anew when the set has moved. */
const held = new WeakMap<object, Listeners>()

/**
 * To be called in the reactor's transaction.
 * @returns a hint to give after the commit, or nothing when nobody wants any of them
 */
export async function queueEvents(
  ctx: RegistryContext,
  events: readonly QueuedEvent[],
  tx: Transaction,
): Promise<(() => void) | undefined> {
  const { trie } = await readListeners(ctx, tx)
  const told = events.filter(({ targets }) => (targets & targetBits.webhook) !== 0)
  const wanted = told.flatMap((event) =>
    [...trie.match(event.type)]
      .filter((listener) => event.index > listener.after_index && maySee(listener, event))
      .map((listener) => ({
        webhook: listener.id,
        event_id: event.id,
        index: String(event.index),
        type: event.type,
      })),
  )
  if (wanted.length === 0) return undefined
  const ids = idsInOrder(wanted, ctx.newId)
  const rows = wanted.map((one, i) => ({ ...one, id: ids[i] as string }))
  const made = await insertDeliveries(tx, rows, ctx.time)
  return made > 0 ? () => ctx.wake('webhooks') : undefined
}

/** The operators' webhooks see everything, others what their owner sees in GET /events. */
const maySee = (listener: ListenerRow, { audience }: QueuedEvent): boolean =>
  listener.account === null || audience === null || audience.includes(listener.account)

async function readListeners(ctx: RegistryContext, tx: Transaction): Promise<Listeners> {
  // Before the rows: a change in between makes the next call read again, never miss one.
  const version = await readSetVersion(tx)
  const known = held.get(ctx.keys)
  if (known?.version === version) return known
  const trie = openTrie<ListenerRow>()
  for (const row of await listListeners(tx)) trie.add(row.types, row)
  const fresh = { version, trie }
  held.set(ctx.keys, fresh)
  return fresh
}
