import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { backgroundCall } from '#core/platform/background-call.ts'
import { insideTransaction } from '#core/platform/database/scope.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { RelayHalted } from '#core/registry/stream/errors.ts'
import { relayEvents, relayOwnEvents, relayTegEvents } from '#core/registry/stream/relay-events.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import type { OutboxItem } from '#core/wire/teg.ts'
import { startSystem } from '#test/support/system.ts'

const { registry, clock } = await startSystem()
const controller = new AbortController()
afterAll(() => controller.abort())

/** A TEG whose outbox says what a test wants: contradictions that the real one never makes. */
let outbox: { incarnation: string; items: OutboxItem[] } = { incarnation: 'one', items: [] }
const asked: { after: number; inTransaction: boolean }[] = []
const teg = {
  ...registry.teg,
  async outbox(_call: unknown, after: number, limit: number) {
    asked.push({ after, inTransaction: insideTransaction() })
    return {
      incarnation: outbox.incarnation,
      items: outbox.items.filter((item) => item.number > after).slice(0, limit),
    }
  },
} as TegClient
const open = (): RegistryContext => ({
  ...registry,
  ...backgroundCall(registry, 'test', controller.signal),
  teg,
})

interface Row {
  index: bigint
  source: string
  sourcesequence: bigint
  type: string
  envelope: string
  audience: string[] | null
  parties: string[] | null
}
const journal = () =>
  registry.db.query<Row>(
    'select index, source, sourcesequence, type, envelope, audience, parties from registry.journal order by index',
  )
const emit = (type: string, data: Record<string, unknown> = {}, audience: string[] | null = null) => {
  const ctx = open()
  return ctx.db.transaction((tx) => emitEvent(tx, ctx, { type, subject: 'things/1', data, audience }))
}
const item = (number: number, more: Partial<OutboxItem> = {}): OutboxItem => ({
  number,
  id: `01900000-0000-7000-8000-${String(number).padStart(12, '0')}`,
  type: 'transfer.completed',
  subject: `transfers/${number}`,
  time: '2026-11-24T12:00:00.123Z',
  data: { amount: '1.5', n: number },
  parties: null,
  ...more,
})

async function drain(): Promise<number> {
  let moved = 0
  for (;;) {
    const turn = await relayEvents(open())
    moved += turn.moved
    if (!turn.more) return moved
  }
}

beforeEach(() => {
  asked.length = 0
})

describe('relay', () => {
  test('numbers committed facts from 1 without gaps, fixes their bytes and empties the outbox', async () => {
    await emit('agent.published', { z: 1, a: 'ä' })
    clock.advance(1500)
    await emit('agent.updated', {}, ['01900000-0000-7000-8000-000000000001'])
    expect(await drain()).toBe(2)
    const rows = await journal()
    expect(rows.map((row) => [row.index, row.sourcesequence, row.type])).toEqual([
      [1n, 1n, 'agent.published'],
      [2n, 2n, 'agent.updated'],
    ])
    const envelope = JSON.parse(rows[0]?.envelope ?? '')
    expect(envelope).toEqual({
      specversion: '1.0',
      id: envelope.id,
      source: '/registries/ninefold/registry',
      type: 'agent.published',
      subject: 'things/1',
      time: '2026-11-24T12:00:00.000Z',
      datacontenttype: 'application/json',
      sourcesequence: '1',
      policyversion: 0,
      data: { z: 1, a: 'ä' },
    })
    expect(rows[1]?.audience).toEqual(['01900000-0000-7000-8000-000000000001'])
    expect(await registry.db.query('select 1 from registry.outbox')).toEqual([])
  })

  test('a rolled back fact takes no index', async () => {
    const ctx = open()
    const before = (await journal()).length
    await expect(
      ctx.db.transaction(async (tx) => {
        await emitEvent(tx, ctx, { type: 'agent.updated', subject: 'x/1', data: {}, audience: null })
        throw new Error('changed my mind')
      }),
    ).rejects.toThrow('changed my mind')
    await emit('agent.retired')
    await drain()
    const rows = await journal()
    expect(rows.length).toBe(before + 1)
    expect(rows.map((row) => row.index)).toEqual(rows.map((_, i) => BigInt(i + 1)))
  })

  test("takes the TEG's facts by number, outside any transaction, and gives them to the owners of the parties", async () => {
    const owner = '01900000-0000-7000-8000-0000000000aa'
    const agent = '01900000-0000-7000-8000-0000000000ab'
    const stranger = '01900000-0000-7000-8000-0000000000ac'
    await registry.db.query(
      `insert into registry.accounts (id, email, email_key, grant_key, display_name, password_hash, created_at, updated_at)
       values ($1, 'a@x', 'a@x', 'a@x', 'A', '-', now(), now())`,
      [owner],
    )
    await registry.db.query(
      `insert into registry.agents (id, did, slug, owner, status, sequence, card_text, card_etag, card_digest,
         card_version, signature_status, hosted_card, registry_signature, created_at, updated_at)
       values ($1, 'did:web:x', 'x', $2, 'active', 1, '{}', 'e', 'd', '1', 'unsigned', '{}', '-', now(), now())`,
      [agent, owner],
    )
    outbox.items = [item(1, { parties: [agent, stranger] }), item(2), item(3, { parties: [stranger] })]
    expect(await drain()).toBe(3)
    expect(asked[0]).toEqual({ after: 0, inTransaction: false })
    const rows = (await journal()).slice(-3)
    expect(rows.map((row) => [row.source, row.sourcesequence, row.audience, row.parties])).toEqual([
      ['/registries/ninefold/teg', 1n, [owner], [agent, stranger]],
      ['/registries/ninefold/teg', 2n, null, null],
      ['/registries/ninefold/teg', 3n, [], [stranger]],
    ])
    expect(await drain()).toBe(0)
    expect((await journal()).at(-1)?.index).toBe(rows.at(-1)?.index)
  })

  test("halts on the same number with other content, and the registry's own facts still come", async () => {
    const kept = outbox.items
    const before = (await journal()).length
    outbox = { ...outbox, items: [...kept.slice(0, 2), item(3, { data: { amount: '9' } }), item(4)] }
    await expect(relayTegEvents(open())).rejects.toThrow(RelayHalted)
    await expect(relayTegEvents(open())).rejects.toThrow(/number 3 came again with other content/)
    await emit('agent.updated')
    expect((await relayOwnEvents(open())).moved).toBe(1)
    expect((await journal()).length).toBe(before + 1)
    // A newer TEG may tell more of the same fact.
    const more = { ...(kept[2] as OutboxItem), data: { ...kept[2]?.data, fee: '0' } }
    outbox = { ...outbox, items: [...kept.slice(0, 2), more] }
    expect((await relayTegEvents(open())).moved).toBe(0)
    outbox = { ...outbox, items: [...kept.slice(0, 2), item(3, { id: item(9).id })] }
    await expect(relayTegEvents(open())).rejects.toThrow(RelayHalted)
    outbox = { ...outbox, items: kept }
  })

  test('halts on a missing number and on another incarnation of the database', async () => {
    const kept = outbox
    outbox = { ...kept, items: [...kept.items, item(5)] }
    await expect(relayTegEvents(open())).rejects.toThrow(/number 4 is missing, 5 came instead/)
    outbox = { incarnation: 'two', items: [...kept.items, item(4)] }
    await expect(relayTegEvents(open())).rejects.toThrow(/another incarnation/)
    outbox = { ...kept, items: [...kept.items, item(4), item(5)] }
    expect((await relayTegEvents(open())).moved).toBe(2)
  })

  test('two relays at once take each fact of both outboxes once, in order', async () => {
    const before = (await journal()).length
    for (let i = 0; i < 40; i++) await emit('agent.updated', { i })
    outbox = { ...outbox, items: [...outbox.items, ...[6, 7, 8, 9].map((number) => item(number))] }
    const turns = await Promise.all([drain(), drain(), drain()])
    expect(turns.reduce((sum, moved) => sum + moved, 0)).toBe(44)
    const rows = (await journal()).slice(before)
    expect(rows.map((row) => row.index)).toEqual(rows.map((_, i) => BigInt(before + i + 1)))
    const mine = rows.filter((row) => row.source.endsWith('/registry'))
    expect(mine.map((row) => JSON.parse(row.envelope).data.i)).toEqual([...Array(40).keys()])
    expect(rows.filter((row) => row.source.endsWith('/teg')).map((row) => row.sourcesequence)).toEqual([
      6n,
      7n,
      8n,
      9n,
    ])
  })

  test.each([
    'update registry.journal set type = type',
    'delete from registry.journal',
    'truncate registry.journal cascade',
  ])('the journal refuses %s', async (statement) => {
    await expect(registry.db.query(statement)).rejects.toThrow(/append-only/)
  })
})
