/**
 * Writers that commit out of order, roll back and crash into the relays: nothing is lost, doubled or out of its order.
 * On PGlite transactions come one by one; with TEST_DATABASE_URL they really overlap.
 */
import { afterAll, expect, test } from 'vitest'
import { emitEvent } from '#core/platform/outbox.ts'
import { listJournal } from '#core/registry/stream/queries.ts'
import { relayOwnEvents } from '#core/registry/stream/relay-events.ts'
import { journalOf } from '#test/support/journal.ts'
import { seededRandom } from '#test/support/random.ts'
import { startSystem } from '#test/support/system.ts'

const overlapping = process.env.TEST_DATABASE_URL !== undefined
const WRITERS = 12
const TRANSACTIONS = overlapping ? 250 : 25
const SEED = Number(process.env.TEST_SEED ?? 20_261_124)

const { registry } = await startSystem()
const journal = journalOf(registry)
afterAll(() => registry.feed.close())

test(`${WRITERS} writers with rollbacks against three relays and a reader by cursor (seed ${SEED})`, async () => {
  const committed = new Map<string, number>()
  let writing = true
  const write = async (writer: number) => {
    const random = seededRandom(SEED + writer)
    for (let n = 0; n < TRANSACTIONS; n++) {
      const key = `${writer}-${n}`
      const rollsBack = random() < 0.1
      const events = 1 + Math.floor(random() * 3)
      const ctx = journal.open()
      const work = ctx.db.transaction(async (tx) => {
        for (let k = 0; k < events; k++)
          await emitEvent(tx, ctx, {
            type: 'torture.fact',
            subject: 'x/1',
            data: { key, k, n, writer },
            audience: null,
          })
        // Commits overtake each other: a position taken early becomes visible late.
        if (overlapping) await tx.query('select pg_sleep($1::float8)', [random() * 0.02])
        if (rollsBack) throw new Error('rolled back')
      })
      await work.catch((error: Error) => {
        if (error.message !== 'rolled back') throw error
      })
      if (!rollsBack) committed.set(key, events)
    }
  }
  const relay = async () => {
    while (writing) {
      const { moved } = await relayOwnEvents(journal.open())
      if (moved === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const seen: { index: bigint; key: string; k: number; n: number; writer: number }[] = []
  const read = async () => {
    for (let over = false; !over; ) {
      over = !writing
      const rows = await listJournal(registry.db, seen.at(-1)?.index ?? 0n, 500)
      seen.push(...rows.map((row) => ({ index: row.index, ...JSON.parse(row.envelope).data })))
      if (rows.length > 0) over = false
      else await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const others = Promise.all([relay(), relay(), relay(), read()])
  await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
  await journal.drain()
  writing = false
  await others

  expect(seen.map(({ index }) => index)).toEqual(seen.map((_, i) => BigInt(i + 1)))
  const counts = new Map<string, number>()
  for (const { key } of seen) counts.set(key, (counts.get(key) ?? 0) + 1)
  expect(counts).toEqual(new Map([...committed].filter(([, events]) => events > 0)))
  // Of one writer, what came first stands first.
  for (let writer = 0; writer < WRITERS; writer++) {
    const mine = seen.filter((event) => event.writer === writer).map(({ n, k }) => n * 10 + k)
    expect(mine).toEqual([...mine].sort((a, b) => a - b))
  }
  const rows = await registry.db.query<{ left: bigint; head: bigint; sequence: bigint }>(
    `select (select count(*) from registry.outbox) as left, (select index from registry.journal_head) as head,
            (select sequence from registry.journal_sources where service = 'registry') as sequence`,
  )
  expect(rows[0]).toEqual({ left: 0n, head: BigInt(seen.length), sequence: BigInt(seen.length) })
}, 120_000)
