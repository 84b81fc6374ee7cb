/** The forwarder: what the journal holds is told once, in order, byte for byte, whatever happens on the way. */
import { afterAll, describe, expect, test } from 'vitest'
import { parseVerifier } from '#core/base/tlog/note.ts'
import { openMetrics } from '#core/platform/metrics.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { EventStoreAway, type EventStoreClient } from '#core/registry/event-store-client.ts'
import { FORWARD_BATCH, type Forwarding, forwardEvents } from '#core/registry/forward/forward-events.ts'
import { findLag } from '#core/registry/forward/queries.ts'
import { ForwarderHalted } from '#core/registry/forward/rules.ts'
import { startForwarder } from '#core/registry/forward/start-forwarder.ts'
import { openEventStoreClient } from '#core/registry/open-event-store-client.ts'
import { STORE_TOKEN, startStore, type TestStore } from '#test/support/event-store.ts'
import { journalOf } from '#test/support/journal.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'

const { registry, api } = await startSystem()
const journal = journalOf(registry)
const store = await startStore({}, { db: registry.db })
afterAll(() => registry.feed.close())

const clientOf = (to: TestStore): EventStoreClient =>
  openEventStoreClient({ token: STORE_TOKEN, fetch: to.fetch })
const client = clientOf(store)
const forwarding: Forwarding = { client, verifier: store.store.keys.log.verifier }
const forward = (to: Partial<Forwarding> = {}) => forwardEvents(journal.open(), { ...forwarding, ...to })
const catchUp = async (to: Partial<Forwarding> = {}) => {
  let moved = 0
  for (;;) {
    const turn = await forward(to)
    moved += turn.moved
    if (!turn.more) return moved
  }
}
const receipts = () =>
  registry.db.query<{ index: bigint; ledgerindex: bigint }>(
    'select index, ledgerindex from registry.ledger_receipts order by index',
  )
const logSize = async () =>
  Number((await registry.db.query<{ size: bigint }>('select size from event_store.log_head'))[0]?.size)
/** A client that answers in another way than the real one; everything else is the real one. */
const twisted = (more: Partial<EventStoreClient>): Partial<Forwarding> => ({ client: { ...client, ...more } })

describe('forwardEvents', () => {
  test('tells every row once, byte for byte, and keeps its receipt', async () => {
    const head = await journal.tell({ data: { z: 1, a: 'ä' } }, { type: 'agent.retired' }, {})
    expect(await catchUp()).toBe(head)
    expect(await receipts()).toEqual(
      Array.from({ length: head }, (_, i) => ({ index: BigInt(i + 1), ledgerindex: BigInt(i) })),
    )
    const kept = await registry.db.query(
      `select j.index from registry.journal j join registry.ledger_receipts r on r.index = j.index
       join event_store.entries e on e.index = r.ledgerindex
       where convert_from(e.payload, 'UTF8') = j.envelope and e.salt = j.salt and e.type = j.type`,
    )
    expect(kept).toHaveLength(head)
    expect(await catchUp()).toBe(0)
  })

  test('readers are then given the place in the log, and before that none', async () => {
    await journal.tell({ type: 'agent.published' })
    const page = await api.get('/events', { token: OPERATOR_KEY, query: { limit: '200' } })
    const events: { ledgerindex?: number }[] = page.body.items.map((item: { event: object }) => item.event)
    expect(events.map(({ ledgerindex }) => ledgerindex)).toEqual([0, 1, 2, undefined])
    await catchUp()
    const again = await api.get('/events', { token: OPERATOR_KEY, query: { after: '3' } })
    expect(again.body.items[0].event.ledgerindex).toBe(3)
  })

  test('of an event that a policy keeps from the ledger it tells the number and nothing else; readers see it whole', async () => {
    const token = OPERATOR_KEY
    const drop = { priority: 1, types: 'agent.*', action: 'drop', targets: ['ledger'] }
    expect((await api.put('/events/policies', { policies: [drop] }, { token })).status).toBe(200)
    const head = await journal.tell({ type: 'agent.updated', data: { secret: 'plan' } })
    await api.put('/events/policies', { policies: [] }, { token })
    await journal.tell({})
    await catchUp()
    const rows = await registry.db.query<{ payload: string; envelope: string }>(
      `select convert_from(e.payload, 'UTF8') as payload, j.envelope
       from registry.journal j join registry.ledger_receipts r on r.index = j.index
       join event_store.entries e on e.index = r.ledgerindex and e.sequence = j.sourcesequence
       where j.envelope like '%"secret":"plan"%' and j.index <= $1`,
      [head],
    )
    expect(rows).toHaveLength(1)
    const { id, source, time, sourcesequence, policyversion } = JSON.parse(rows[0]?.envelope ?? '')
    expect(JSON.parse(rows[0]?.payload ?? '')).toEqual({
      specversion: '1.0',
      type: 'event.withheld',
      id,
      source,
      time,
      sourcesequence,
      policyversion,
    })
  })

  test('a crash after the EventStore has taken a batch changes nothing: it comes again and gets its first receipts', async () => {
    await journal.tell({}, {})
    const size = await logSize()
    const crash = async () => {
      throw new Error('crashed')
    }
    const dying = twisted({
      append: async (call, events) => {
        await client.append(call, events)
        return crash()
      },
    })
    await expect(forward(dying)).rejects.toThrow('crashed')
    expect(await logSize()).toBe(size + 2)
    expect(await catchUp()).toBe(2)
    expect(await logSize()).toBe(size + 2)
    expect((await receipts()).slice(-2).map(({ ledgerindex }) => Number(ledgerindex))).toEqual([
      size,
      size + 1,
    ])
  })

  test('several forwarders at once tell each row once', async () => {
    await journal.tell(...Array.from({ length: 40 }, (_, i) => ({ data: { i } })))
    const size = await logSize()
    await Promise.all([catchUp(), catchUp(), catchUp()])
    expect(await logSize()).toBe(size + 40)
    const rows = await receipts()
    expect(rows.map(({ index }) => index)).toEqual(rows.map((_, i) => BigInt(i + 1)))
  })

  test('an EventStore that is away stops nothing here, and all of it is told when it is back', async () => {
    const away = twisted({ append: () => Promise.reject(new EventStoreAway('for an hour')) })
    const events = FORWARD_BATCH + 120
    await expect(forward(away)).resolves.toEqual({ moved: 0, more: false })
    const ctx = journal.open()
    await ctx.db.transaction(async (tx) => {
      const fact = { type: 'agent.updated', subject: 'agents/1', audience: null }
      for (let n = 0; n < events; n++) await emitEvent(tx, ctx, { ...fact, data: { n } })
    })
    await journal.drain()
    await expect(forward(away)).rejects.toThrow(EventStoreAway)
    expect(Number((await findLag(registry.db)).waiting)).toBe(events)
    expect(
      (await api.get('/events', { token: OPERATOR_KEY, query: { after: '46' } })).body.items,
    ).toHaveLength(50)
    expect(await catchUp()).toBe(events)
    expect(Number((await findLag(registry.db)).waiting)).toBe(0)
    const audit = await store.api.get('/audit', { token: STORE_TOKEN })
    expect(audit.body).toMatchObject({ intact: true, size: await logSize() })
  })
})

describe('an EventStore that is not to be believed', () => {
  const halts = async (to: Partial<Forwarding>, words: RegExp) => {
    const before = (await receipts()).length
    await expect(forward(to)).rejects.toThrow(ForwarderHalted)
    await expect(forward(to)).rejects.toThrow(words)
    expect((await receipts()).length).toBe(before)
  }

  test('is one that receipts another leaf than was sent', async () => {
    await journal.tell({ data: { waits: true } })
    const other = twisted({
      append: async (call, events) => {
        const reply = await client.append(call, events)
        return {
          ...reply,
          receipts: reply.receipts.map((receipt) => ({ ...receipt, leaf_hash: `${'A'.repeat(43)}=` })),
        }
      },
    })
    await halts(other, /another leaf/)
  })

  test('is one whose checkpoint another key has signed', async () => {
    const verifier = parseVerifier(
      'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx',
    )
    await halts({ verifier }, /not signed by the known key/)
  })

  test('is one that was restored from an old backup: it has lost events that it had receipted', async () => {
    const restored = await startStore()
    const rows = await registry.db.query<{ envelope: string; salt: Uint8Array; id: string; source: string }>(
      'select envelope, salt, id, source from registry.journal order by index limit 20',
    )
    const events = rows.map((row, i) => ({
      source: row.source,
      sequence: String(i + 1),
      id: row.id,
      salt: Buffer.from(row.salt).toString('base64url'),
      payload: row.envelope,
    }))
    await clientOf(restored).append(journal.open(), events)
    await halts({ client: clientOf(restored), verifier: null }, /has lost events/)
    // The same backup that other sources have grown since: its history is another one, and its receipts show it.
    await restored.tell(30, '/registries/ninefold/teg')
    await halts({ client: clientOf(restored), verifier: null }, /has lost events/)
  })

  test('is one that holds all events, but on another history', async () => {
    const forked = await startStore()
    await forked.tell(1, '/registries/ninefold/teg')
    const rows = await registry.db.query<{ index: bigint }>('select index from registry.journal')
    const source = '/registries/ninefold/registry'
    const told = await registry.db.query<{ envelope: string; salt: Uint8Array; id: string; n: bigint }>(
      'select envelope, salt, id, sourcesequence as n from registry.journal order by index limit $1',
      [rows.length - 1],
    )
    for (let at = 0; at < told.length; at += 500)
      await clientOf(forked).append(
        journal.open(),
        told.slice(at, at + 500).map((row) => ({
          source,
          sequence: String(row.n),
          id: row.id,
          salt: Buffer.from(row.salt).toString('base64url'),
          payload: row.envelope,
        })),
      )
    await halts({ client: clientOf(forked), verifier: null }, /does not continue/)
  })

  test('is one that tells that it has shrunk, or calls itself by another name', async () => {
    const renamed = await startStore({ EVENT_STORE_ORIGIN: 'other.example/log' })
    const smaller = twisted({
      append: async (call, events) => {
        const reply = await client.append(call, events)
        const { body } = await renamed.api.get('/')
        return {
          ...reply,
          checkpoint: (await renamed.api.get('/checkpoint')).text,
          receipts: body ? reply.receipts : [],
        }
      },
    })
    await halts({ ...smaller, verifier: null }, /does not cover index/)
  })

  test('and when it is itself again, what waited is told', async () => {
    expect(await catchUp()).toBe(1)
  })
})

describe('startForwarder', () => {
  test('follows the journal by hints, counts what it told, and another one takes over when it stops', async () => {
    const metrics = openMetrics({ process: false })
    const first = await startForwarder(registry, forwarding, metrics)
    const second = await startForwarder(registry, forwarding, openMetrics({ process: false }))
    const head = await journal.tell({})
    await expect.poll(async () => (await receipts()).length, { timeout: 10_000 }).toBe(head)
    const text = await metrics.metricsText()
    expect(text).toMatch(/forwarder_lag_events 0/)
    expect(text).toMatch(/forwarder_halted 0/)
    await first.stop()
    const next = await journal.tell({}, {})
    await expect.poll(async () => (await receipts()).length, { timeout: 10_000 }).toBe(next)
    await second.stop()
  })
})

describe('rows of the journal', () => {
  test('have a salt of their own; receipts are append-only', async () => {
    const salts = await registry.db.query<{ salts: bigint; rows: bigint }>(
      'select count(distinct salt) as salts, count(*) as rows from registry.journal where policyversion = 0',
    )
    expect(salts[0]?.salts).toBe(salts[0]?.rows)
    for (const statement of [
      'update registry.ledger_receipts set ledgerindex = 0',
      'delete from registry.ledger_receipts',
    ])
      await expect(registry.db.query(statement)).rejects.toThrow(/append-only/)
  })
})
