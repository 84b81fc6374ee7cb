/** Moves committed facts of both outboxes into the journal: contiguous indexes, exact bytes, each fact once. */

import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { OutboxItem } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { findAgents } from '../transfers/find-agents.ts'
import { appendJournal } from './append-journal.ts'
import { enterLife } from './begin-life.ts'
import { compareFacts, type NumberedItem } from './compare-facts.ts'
import { RelayHalted } from './errors.ts'
import { followRestoredTeg } from './follow-restored-teg.ts'
import {
  advanceSource,
  findSource,
  lockJournal,
  type SourceRow,
  setIncarnation,
  takeOutbox,
} from './queries.ts'
import { sequenceIn, sourceOf } from './rules.ts'

/** Most rows that one transaction moves. */
export const RELAY_BATCH = 500
/** Channel of the hint that the journal has grown; the message is the new head. */
export const JOURNAL_CHANNEL = 'journal'

export interface Relayed {
  /** Rows written to the journal. */
  readonly moved: number
  /** True when a batch was full: call again. */
  readonly more: boolean
}

/**
 * Moves the registry's own facts: a batch from the outbox in one transaction. There is no cursor that a late commit
 * could fall behind: what is committed is taken, whenever that was. Safe with any number of relays.
 */
export async function relayOwnEvents(ctx: RegistryContext): Promise<Relayed> {
  const { moved, head } = await ctx.db.transaction(async (tx) => {
    lockJournal(tx)
    const { life, begun, ground } = await enterLife(tx, ctx)
    const source = sourceOf(ctx.config.REGISTRY_NAME, 'registry', life)
    const facts = await takeOutbox(tx, RELAY_BATCH)
    if (facts.length === 0) return { moved: 0, head: begun ?? 0n }
    advanceSource(tx, 'registry', facts.length)
    const rows = facts.map((fact, i) => ({
      source,
      number: sequenceIn(life, 'registry', ground.registry + BigInt(i) + 1n),
      fact: { ...fact, time: fact.occurred_at },
      audience: fact.audience,
      parties: null,
    }))
    return appendJournal(tx, ctx, ground, rows)
  })
  if (head > 0n) await tellReaders(ctx, head)
  return { moved, more: moved === RELAY_BATCH }
}

/**
 * Moves the TEG's facts: asks for a page outside any transaction, then writes it and moves the cursor in one.
 * @throws RelayHalted when the page contradicts the journal; the TEG client's Problems when the TEG is away
 */
export async function relayTegEvents(ctx: RegistryContext): Promise<Relayed> {
  const cursor = await findSource(ctx.db, 'teg')
  const { sequence } = cursor
  // The last one taken is asked for again: a TEG that numbers anew is found out by it.
  const overlap = sequence > 0n ? 1 : 0
  const page = await ctx.teg.outbox(ctx, Number(sequence) - overlap, RELAY_BATCH + overlap)
  const reason = restoreOf(cursor, page.incarnation)
  if (reason !== null) {
    const begun = await followRestoredTeg(ctx, { incarnation: page.incarnation, reason })
    if (begun !== null) await tellReaders(ctx, begun)
    return { moved: 0, more: true }
  }
  if (page.items.length === 0 && overlap === 1)
    throw new RelayHalted(`number ${sequence}, which the journal holds, is not there any more. ${WAY_ON}`)
  if (page.items.length === 0) return { moved: 0, more: false }
  if (page.items.length === overlap && page.items[0]?.number === Number(sequence)) {
    // Nothing new: what is known is compared without the lock, which the other outbox's relay may want at this moment.
    requireSame(cursor.incarnation, page.incarnation)
    await compareKnown(ctx.db, ctx, numbered(page.items))
    return { moved: 0, more: false }
  }
  const parties = page.items.flatMap(({ parties }) => parties ?? [])
  const agents = await findAgents(ctx, parties)
  const { moved, head } = await ctx.db.transaction(async (tx) => {
    lockJournal(tx)
    return takePage(tx, ctx, page, agents)
  })
  if (head > 0n) await tellReaders(ctx, head)
  return { moved, more: moved >= RELAY_BATCH }
}

async function takePage(
  tx: Transaction,
  ctx: RegistryContext,
  { incarnation, items }: { readonly incarnation: string; readonly items: readonly OutboxItem[] },
  agents: ReadonlyMap<string, { readonly owner: string }>,
): Promise<{ moved: number; head: bigint }> {
  const { life, begun, ground } = await enterLife(tx, ctx)
  const source = sourceOf(ctx.config.REGISTRY_NAME, 'teg', life)
  const cursor = await findSource(tx, 'teg')
  requireSame(cursor.incarnation, incarnation)
  if (cursor.incarnation === null) await setIncarnation(tx, 'teg', incarnation)
  const facts = numbered(items)
  // Beside the overlap, another relay may have taken the beginning of the page since it was asked for.
  const known = facts.filter(({ number }) => number <= cursor.sequence)
  await compareKnown(tx, ctx, known)
  const fresh = facts.slice(known.length)
  for (const [i, { number }] of fresh.entries())
    if (number !== cursor.sequence + BigInt(i) + 1n)
      throw new RelayHalted(`number ${cursor.sequence + BigInt(i) + 1n} is missing, ${number} came instead.`)
  if (fresh.length === 0) return { moved: 0, head: begun ?? 0n }
  advanceSource(tx, 'teg', fresh.length)
  return appendJournal(
    tx,
    ctx,
    ground,
    fresh.map(({ item, number }) => ({
      source,
      number: sequenceIn(life, 'teg', number),
      fact: { ...item, time: new Date(item.time) },
      // An agent that this registry does not know has no owner here: its events are then for operators only.
      audience: item.parties && [...new Set(item.parties.flatMap((agent) => agents.get(agent)?.owner ?? []))],
      parties: item.parties,
    })),
  )
}

const numbered = (items: readonly OutboxItem[]) =>
  items.map((item) => ({ item, number: BigInt(item.number) }))

/** What an operator can do about a TEG that has lost what it told. */
const WAY_ON = 'If its database was restored from a backup, say so: POST /operator/journal/teg-restored.'

function requireSame(known: string | null, incarnation: string): void {
  if (known !== null && known !== incarnation)
    throw new RelayHalted(`its database is another incarnation (${incarnation}, not ${known}). ${WAY_ON}`)
}

/**
 * Why the TEG is to be followed as a restored one; null: it is not. Its ledger names itself, and behind a dot the restore that
 * it has seen of its own database: another label of the same ledger proves one. All else takes an operator's word.
 */
function restoreOf(cursor: SourceRow, incarnation: string): string | null {
  if (cursor.restored_reason !== null) return cursor.restored_reason
  if (cursor.incarnation === null || cursor.incarnation === incarnation) return null
  const ledger = (name: string) => name.split('.')[0]
  return ledger(cursor.incarnation) === ledger(incarnation) ? "the TEG's database was restored" : null
}

/** The same number with other content is a contradiction that nobody may paper over. */
async function compareKnown(
  on: Queryable,
  ctx: RegistryContext,
  facts: readonly NumberedItem[],
): Promise<void> {
  const verdicts = await compareFacts(on, ctx, facts)
  const other = facts[verdicts.indexOf('other')]
  if (other)
    throw new RelayHalted(
      `number ${other.number} came again with other content than the journal holds. ${WAY_ON}`,
    )
}

/** Only a hint: readers find new rows by index without it, later. */
async function tellReaders(ctx: RegistryContext, head: bigint): Promise<void> {
  await ctx.coordination.publish(JOURNAL_CHANNEL, String(head)).catch(() => undefined)
}

/** Moves what there is of both outboxes, a batch of each; a TEG that is away does not hold back the registry's own facts. */
export async function relayEvents(ctx: RegistryContext): Promise<Relayed> {
  const own = await relayOwnEvents(ctx)
  const teg = await relayTegEvents(ctx)
  return { moved: own.moved + teg.moved, more: own.more || teg.more }
}
