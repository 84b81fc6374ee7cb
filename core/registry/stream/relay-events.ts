/** Moves committed facts of both outboxes into the journal: contiguous indexes, exact bytes, each fact once. */

import { applyPolicies, noPolicies } from '#core/base/emission-policy.ts'
import { SALT_BYTES } from '#core/base/tlog/commitment.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { OutboxItem } from '#core/wire/teg.ts'
import type { RegistryContext } from '../context.ts'
import { RelayHalted } from './errors.ts'
import { findPolicySet } from './find-policy-set.ts'
import {
  advanceHead,
  advanceSource,
  findEnvelopes,
  findOwners,
  findSource,
  insertJournal,
  lockJournal,
  type NewJournalRow,
  setIncarnation,
  takeOutbox,
} from './queries.ts'
import { type Fact, saysTheSame, sourceOf, writeEnvelope } from './rules.ts'

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
  const source = sourceOf(ctx.config.REGISTRY_NAME, 'registry')
  const { moved, head } = await ctx.db.transaction(async (tx) => {
    await lockJournal(tx)
    const facts = await takeOutbox(tx, RELAY_BATCH)
    if (facts.length === 0) return { moved: 0, head: 0n }
    const sequence = await advanceSource(tx, 'registry', facts.length)
    const rows = facts.map((fact, i) => {
      const number = sequence + BigInt(i) + 1n
      return {
        source,
        number,
        fact: { ...fact, time: fact.occurred_at },
        audience: fact.audience,
        parties: null,
      }
    })
    return append(tx, ctx, rows)
  })
  if (moved > 0) await tellReaders(ctx, head)
  return { moved, more: moved === RELAY_BATCH }
}

/**
 * Moves the TEG's facts: asks for a page outside any transaction, then writes it and moves the cursor in one.
 * @throws RelayHalted when the page contradicts the journal; the TEG client's Problems when the TEG is away
 */
export async function relayTegEvents(ctx: RegistryContext): Promise<Relayed> {
  const { sequence } = await findSource(ctx.db, 'teg')
  // The last one taken is asked for again: a TEG that numbers anew is found out by it.
  const overlap = sequence > 0n ? 1 : 0
  const page = await ctx.teg.outbox(ctx, Number(sequence) - overlap, RELAY_BATCH + overlap)
  if (page.items.length === 0) return { moved: 0, more: false }
  const { moved, head } = await ctx.db.transaction(async (tx) => {
    await lockJournal(tx)
    return takePage(tx, ctx, page.incarnation, page.items)
  })
  if (moved > 0) await tellReaders(ctx, head)
  return { moved, more: moved >= RELAY_BATCH }
}

async function takePage(
  tx: Transaction,
  ctx: RegistryContext,
  incarnation: string,
  items: readonly OutboxItem[],
): Promise<{ moved: number; head: bigint }> {
  const source = sourceOf(ctx.config.REGISTRY_NAME, 'teg')
  const cursor = await findSource(tx, 'teg')
  if (cursor.incarnation !== null && cursor.incarnation !== incarnation)
    throw new RelayHalted(`its database is another incarnation (${incarnation}, not ${cursor.incarnation}).`)
  if (cursor.incarnation === null) await setIncarnation(tx, 'teg', incarnation)
  const facts = items.map((item) => ({ item, number: BigInt(item.number) }))
  // Beside the overlap, another relay may have taken the beginning of the page since it was asked for.
  const known = facts.filter(({ number }) => number <= cursor.sequence)
  await compareKnown(tx, source, known)
  const fresh = facts.slice(known.length)
  for (const [i, { number }] of fresh.entries())
    if (number !== cursor.sequence + BigInt(i) + 1n)
      throw new RelayHalted(`number ${cursor.sequence + BigInt(i) + 1n} is missing, ${number} came instead.`)
  if (fresh.length === 0) return { moved: 0, head: 0n }
  await advanceSource(tx, 'teg', fresh.length)
  const parties = [...new Set(fresh.flatMap(({ item }) => item.parties ?? []))]
  const owners = new Map((await findOwners(tx, parties)).map(({ id, owner }) => [id, owner]))
  return append(
    tx,
    ctx,
    fresh.map(({ item, number }) => ({
      source,
      number,
      fact: { ...item, time: new Date(item.time) },
      // An agent that this registry does not know has no owner here: its events are then for operators only.
      audience: item.parties && [...new Set(item.parties.flatMap((agent) => owners.get(agent) ?? []))],
      parties: item.parties,
    })),
  )
}

/** The same number with other content is a contradiction that nobody may paper over. */
async function compareKnown(
  tx: Transaction,
  source: string,
  facts: readonly { number: bigint; item: OutboxItem }[],
): Promise<void> {
  if (facts.length === 0) return
  const kept = await findEnvelopes(
    tx,
    source,
    facts.map(({ number }) => number),
  )
  const texts = new Map(kept.map((row) => [row.sourcesequence, row.envelope]))
  for (const { number, item } of facts) {
    const text = texts.get(number)
    // Not found: the registry has been given another name since, and there is nothing to compare with.
    if (text !== undefined && !saysTheSame(text, item))
      throw new RelayHalted(`number ${number} came again with other content than the journal holds.`)
  }
}

/** A fact on its way into the journal. */
interface Arrival {
  readonly source: string
  readonly number: bigint
  readonly fact: Fact
  readonly audience: readonly string[] | null
  readonly parties: readonly string[] | null
}

/** Fixes bytes, salt and policy version with the index: whatever is read or told later is this. */
async function append(
  tx: Transaction,
  ctx: RegistryContext,
  arrivals: readonly Arrival[],
): Promise<{ moved: number; head: bigint }> {
  const set = (await findPolicySet(tx)) ?? noPolicies
  const before = await advanceHead(tx, arrivals.length)
  const rows = arrivals.map(({ source, number, fact, audience, parties }, i): NewJournalRow => {
    const salt = ctx.random(SALT_BYTES)
    const { data, targets, redacted, sampledRate } = applyPolicies(set.policies, fact, salt)
    const version = Number(set.version)
    return {
      index: String(before + BigInt(i) + 1n),
      id: fact.id,
      source,
      sourcesequence: String(number),
      type: fact.type,
      subject: fact.subject,
      time: fact.time.toISOString(),
      envelope: writeEnvelope(source, number, { ...fact, data }, { version, redacted, sampledRate }),
      audience,
      parties,
      salt: Buffer.from(salt).toString('hex'),
      policyversion: version,
      targets,
    }
  })
  await insertJournal(tx, rows, ctx.time)
  return { moved: rows.length, head: before + BigInt(rows.length) }
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
