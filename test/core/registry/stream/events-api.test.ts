import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventTypes } from '#core/registry/stream/events.ts'
import { SCAN_MAX } from '#core/registry/stream/list-events.ts'
import { redeemTicket } from '#core/registry/stream/redeem-ticket.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { journalOf } from '#test/support/journal.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'

const system = await startSystem()
const { api, registry } = system
const journal = journalOf(registry)
let alice: TestDeveloper
let bob: TestDeveloper

beforeAll(async () => {
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
  await journal.drain()
})
afterAll(() => registry.feed.close())

const indexesOf = (body: { items: { index: number }[] }) => body.items.map(({ index }) => index)
const head = async () =>
  Number(
    (await api.get('/events', { token: OPERATOR_KEY, query: { limit: '1' } })).headers.get('events-head'),
  )

describe('GET /events', () => {
  test('answers 401 unauthenticated without a credential and 403 insufficient_scope to a key without events:read', async () => {
    expect((await api.get('/events')).body.code).toBe('unauthenticated')
    const made = await api.post(
      '/auth/api-keys',
      { name: 'narrow', scopes: ['agents:read'] },
      { token: alice.token },
    )
    const answer = await api.get('/events', { token: made.body.secret ?? made.body.key })
    expect([answer.status, answer.body.code]).toEqual([403, 'insufficient_scope'])
  })

  test('gives {index, event} after an index, by type patterns', async () => {
    const before = await head()
    await journal.tell(
      { type: 'agent.published', data: { n: 1 } },
      { type: 'stake.opened' },
      { type: 'agent.retired' },
    )
    const answer = await api.get('/events', {
      token: alice.token,
      query: { after: String(before), types: 'agent.*,case.>' },
    })
    expect(answer.status).toBe(200)
    expect(indexesOf(answer.body)).toEqual([before + 1, before + 3])
    expect(answer.body.items[0].event).toEqual({
      specversion: '1.0',
      id: expect.any(String),
      source: '/registries/ninefold/registry',
      type: 'agent.published',
      subject: 'agents/1',
      time: system.clock.now().toISOString(),
      datacontenttype: 'application/json',
      sourcesequence: String(before + 1),
      policyversion: 0,
      data: { n: 1 },
    })
    expect(answer.body.next_cursor).toBeNull()
    expect(answer.headers.get('events-scanned-to')).toBe(String(before + 3))
  })

  test('shows public events to all, private ones to their audience, everything to operators', async () => {
    const before = await head()
    await journal.tell({ audience: [alice.account] }, { audience: [bob.account] }, { audience: [] }, {})
    const seenBy = async (token: string) =>
      indexesOf((await api.get('/events', { token, query: { after: String(before) } })).body).map(
        (n) => n - before,
      )
    expect(await seenBy(alice.token)).toEqual([1, 4])
    expect(await seenBy(bob.token)).toEqual([2, 4])
    expect(await seenBy(OPERATOR_KEY)).toEqual([1, 2, 3, 4])
  })

  test('pages by the last index looked at: what the caller may not see never stalls it', async () => {
    const before = await head()
    await journal.tell({}, {}, { audience: [bob.account] }, {}, { audience: [bob.account] })
    const seen: number[] = []
    let cursor: string | null = String(before)
    for (let pages = 0; cursor !== null && pages < 9; pages++) {
      const { body }: { body: { items: { index: number }[]; next_cursor: string | null } } = await api.get(
        '/events',
        {
          token: alice.token,
          query: { cursor, limit: '2' },
        },
      )
      seen.push(...indexesOf(body))
      cursor = body.next_cursor
    }
    expect(seen).toEqual([before + 1, before + 2, before + 4])
    expect(cursor).toBeNull()
  })

  test('a page looks at a bounded part of the journal and moves on from an empty one', async () => {
    // Rows of a far-off past: written in one statement, as the relay would have, with the head moved along.
    const before = await head()
    const many = Number(SCAN_MAX) + 5
    await registry.db.transaction(async (tx) => {
      await tx.query(
        `insert into registry.journal (index, id, source, sourcesequence, type, subject, time, envelope, audience, recorded_at)
         select $1::bigint + n, gen_random_uuid(), '/old', n, 'old.fact', 'x/1', clock_timestamp(), '{}', '{}', clock_timestamp()
         from generate_series(1, $2::int) n`,
        [before, many],
      )
      await tx.query('update registry.journal_head set index = index + $1', [many])
    })
    const after = await journal.tell({ type: 'agent.updated' })
    const first = await api.get('/events', { token: alice.token, query: { after: String(before) } })
    expect([first.body.items, first.body.next_cursor]).toEqual([[], String(before + Number(SCAN_MAX))])
    const second = await api.get('/events', { token: alice.token, query: { after: first.body.next_cursor } })
    expect([indexesOf(second.body), second.body.next_cursor]).toEqual([[after], null])
  })

  test.each([
    [{ after: '-1' }, '?after'],
    [{ after: '1e3' }, '?after'],
    [{ after: '9'.repeat(30) }, '?after'],
    [{ cursor: 'abc' }, '?cursor'],
    [{ types: 'Agent' }, '?types'],
    [{ types: 'a.>.b' }, '?types'],
    [{ types: '' }, '?types'],
    [{ types: Array(33).fill('a').join(',') }, '?types'],
    [{ limit: '0' }, '?limit'],
    [{ limit: '201' }, '?limit'],
    [{ unknown: '1' }, '?unknown'],
  ])('answers 400 validation_failed to %j', async (query, pointer) => {
    const answer = await api.get('/events', { token: alice.token, query: query as Record<string, string> })
    expect([answer.status, answer.body.code, answer.body.errors[0].pointer]).toEqual([
      400,
      'validation_failed',
      pointer,
    ])
  })
})

describe('GET /events/types', () => {
  test('lists every type with a sentence', async () => {
    const { body } = await api.get('/events/types', { token: alice.token })
    expect(body.next_cursor).toBeNull()
    expect(body.items).toContainEqual({
      type: 'transfer.completed',
      description: expect.stringMatching(/\.$/),
    })
  })

  test('every type that a domain emits has its line', () => {
    const files = readdirSync('core', { recursive: true, encoding: 'utf8' }).filter((path) =>
      /[/]events\.ts$/.test(path),
    )
    const emitted = files
      .filter((path) => !path.includes('stream'))
      .flatMap((path) =>
        [...readFileSync(`core/${path}`, 'utf8').matchAll(/'([a-z]+\.[a-z_]+)'/g)].map((hit) => hit[1]),
      )
    expect(emitted.length).toBeGreaterThan(0)
    expect(emitted.filter((type) => type && !(type in eventTypes))).toEqual([])
  })
})

describe('POST /events/ticket', () => {
  test('gives {ticket, expires_in}: single use, 30 seconds, the credential inside', async () => {
    const { status, body } = await api.post('/events/ticket', undefined, { token: alice.token })
    expect(status).toBe(200)
    expect(Object.keys(body)).toEqual(['ticket', 'expires_in'])
    expect(body.expires_in).toBe(30)
    expect(await redeemTicket(registry, body.ticket)).toBe(alice.token)
    expect(await redeemTicket(registry, body.ticket)).toBeNull()
    const late = await api.post('/events/ticket', {}, { token: alice.token })
    system.clock.advance(30_000)
    expect(await redeemTicket(registry, late.body.ticket)).toBeNull()
  })

  test('two that redeem one ticket at the same moment: one gets it', async () => {
    const { body } = await api.post('/events/ticket', undefined, { token: alice.token })
    const got = await Promise.all([1, 2, 3].map(() => redeemTicket(registry, body.ticket)))
    expect(got.filter((credential) => credential !== null)).toEqual([alice.token])
  })

  test('answers 401 unauthenticated without a credential', async () => {
    expect((await api.post('/events/ticket')).body.code).toBe('unauthenticated')
  })
})
