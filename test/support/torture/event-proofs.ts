/** Proves after a torture that every fact went every way exactly once and in order, from the databases and the consumers. */
import { expect } from 'vitest'
import type { EventWorld } from './event-world.ts'
import { FACT_TYPE, type FactData } from './write-facts.ts'

export interface Counts {
  readonly facts: number
  readonly undone: number
  readonly transfers: number
  readonly events: number
  readonly connections: number
}

interface Row {
  index: bigint
  source: string
  n: bigint
  type: string
  id: string
  envelope: string
  ledgerindex: bigint | null
}

/** The world must have settled. @returns what was counted */
export async function expectExactlyOnce(world: EventWorld): Promise<Counts> {
  const rows = await world.registry.query<Row>(
    `select j.index, j.source, j.sourcesequence as n, j.type, j.id, j.envelope, r.ledgerindex
     from registry.journal j left join registry.ledger_receipts r on r.index = j.index order by j.index`,
  )
  expectJournal(world, rows)
  await expectLedger(world, rows)
  for (const { indexes } of world.consumers) {
    const wrong = indexes.findIndex((index, i) => index !== i + 1)
    expect(wrong === -1 ? [] : indexes.slice(Math.max(0, wrong - 2), wrong + 3)).toEqual([])
    expect(indexes.length).toBe(rows.length)
  }
  return {
    facts: world.facts.count(),
    undone: world.facts.undone(),
    transfers: world.payer.paid.size,
    events: rows.length,
    connections: world.consumers.reduce((sum, one) => sum + one.connections(), 0),
  }
}

/** In the journal: one order without holes, over all and by source; each committed fact once, in its writer's order. */
function expectJournal({ facts, payer }: EventWorld, rows: readonly Row[]): void {
  expect(rows.find(({ index }, i) => index !== BigInt(i + 1))).toBeUndefined()
  expectBySource(rows.map(({ source, n }) => ({ source, n })))
  const told = new Map<string, number>()
  const places = new Map<number, number>()
  const backwards: FactData[] = []
  for (const { type, envelope } of rows) {
    if (type !== FACT_TYPE) continue
    const fact = JSON.parse(envelope).data as FactData
    told.set(fact.key, (told.get(fact.key) ?? 0) + 1)
    const place = fact.n * 10 + fact.k
    if (place <= (places.get(fact.writer) ?? -1)) backwards.push(fact)
    places.set(fact.writer, place)
  }
  expect(backwards).toEqual([])
  const lost = [...facts.committed].filter(([key, count]) => told.get(key) !== count)
  const invented = [...told.keys()].filter((key) => !facts.committed.has(key))
  expect({ lost, invented }).toEqual({ lost: [], invented: [] })
  const transfers = rows.filter(({ type }) => type === 'transfer.completed').map(({ id }) => id)
  expect(new Set(transfers).size).toBe(transfers.length)
  expect([...payer.paid.values()].filter((id) => !transfers.includes(id))).toEqual([])
}

/** In the log: the same events, byte for byte, each once and where its receipt says, by source in order; no evidence of a second story. */
async function expectLedger(world: EventWorld, rows: readonly Row[]): Promise<void> {
  const entries = await world.store.query<{ index: bigint; source: string; n: bigint; payload: Uint8Array }>(
    `select e.index, s.source, e.sequence as n, e.payload from event_store.entries e
     join event_store.sources s on s.id = e.source order by e.index`,
  )
  expect(entries.length).toBe(rows.length)
  expectBySource(entries.map(({ source, n }) => ({ source, n })))
  const wrong = rows.filter(({ envelope, ledgerindex }) => {
    const entry = entries[Number(ledgerindex ?? -1)]
    return !entry || Buffer.from(entry.payload).toString('utf8') !== envelope
  })
  expect(wrong.map(({ index }) => index)).toEqual([])
  expect(new Set(rows.map(({ ledgerindex }) => ledgerindex)).size).toBe(rows.length)
  const evidence = await world.store.query('select 1 as one from event_store.equivocations')
  expect(evidence).toEqual([])
  const audit = await fetch(`${world.storeUrl}/audit`, {
    headers: { authorization: `Bearer ${world.storeToken}` },
  })
  expect(await audit.json()).toMatchObject({ size: rows.length, intact: true, faults: [] })
}

function expectBySource(rows: readonly { source: string; n: bigint }[]): void {
  const last = new Map<string, bigint>()
  const wrong = rows.filter(({ source, n }) => {
    const isNext = n === (last.get(source) ?? 0n) + 1n
    last.set(source, n)
    return !isNext
  })
  expect(wrong).toEqual([])
}
