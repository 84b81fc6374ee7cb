/** Appending: each number once and in order, all of a request or none, whatever else happens at the same moment. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openCheckpoint } from '#core/base/tlog/checkpoint.ts'
import { decodeCommitment } from '#core/base/tlog/commitment.ts'
import type { Database } from '#core/platform/database/database.ts'
import { withMethods } from '#test/support/database.ts'
import { type EventIn, eventOf, REGISTRY_SOURCE, STORE_TOKEN, startStore } from '#test/support/event-store.ts'
import { seededRandom } from '#test/support/random.ts'

const { db, api, store, clock, tell } = await startStore()
const token = STORE_TOKEN
const post = (events: EventIn[], options: { token?: string } = { token }) =>
  api.post('/events', { events }, options)
const sizeOf = async (on: Database = db) =>
  Number((await on.query<{ size: bigint }>('select size from event_store.log_head'))[0]?.size)

describe('append', () => {
  const first = [eventOf(1), eventOf(2), eventOf(3)]

  test('gives every event its place, its leaf and a checkpoint that covers it', async () => {
    const { status, body } = await post(first)
    expect(status).toBe(200)
    expect(body.receipts.map((receipt: { index: number }) => receipt.index)).toEqual([0, 1, 2])
    const [event] = first
    const hash = createHash('sha256')
      .update(Buffer.from(event?.salt ?? '', 'base64url'))
      .update(event?.payload ?? '')
      .digest('base64')
    const entry = `ninefold/event/v1\n${event?.source}\n1\n${event?.id}\n${hash}\n`
    const leaf = createHash('sha256').update('\0').update(entry).digest('base64')
    expect(body.receipts[0]).toEqual({
      source: REGISTRY_SOURCE,
      sequence: '1',
      index: 0,
      leaf_hash: leaf,
      duplicate: false,
    })
    expect(openCheckpoint(body.checkpoint, [store.keys.log.verifier])?.size).toBe(3)
  })

  test('a repeat gets the first receipts again, also as the beginning of a longer request', async () => {
    const again = (await post(first)).body.receipts
    expect(
      again.map(({ index, duplicate }: { index: number; duplicate: boolean }) => [index, duplicate]),
    ).toEqual([
      [0, true],
      [1, true],
      [2, true],
    ])
    const longer = (await post([...first.slice(1), eventOf(4)])).body.receipts
    expect(longer.map(({ index }: { index: number }) => index)).toEqual([1, 2, 3])
    expect(await sizeOf()).toBe(4)
  })

  test('the same number with other content is 409 sequence_conflict with both hashes, kept as evidence', async () => {
    const other = eventOf(2)
    const { status, body } = await post([other, eventOf(5)])
    expect([status, body.code]).toEqual([409, 'sequence_conflict'])
    expect(body).toMatchObject({ source: REGISTRY_SOURCE, sequence: '2', index: 1 })
    expect(body.kept_leaf_hash).not.toBe(body.given_leaf_hash)
    await post([other])
    const rows = await db.query<{ entry: Uint8Array; index: bigint }>(
      'select entry, index from event_store.equivocations',
    )
    expect(rows).toHaveLength(1)
    const kept = decodeCommitment(rows[0]?.entry ?? new Uint8Array())
    expect([rows[0]?.index, kept?.id, kept?.sequence]).toEqual([1n, other.id, 2n])
    expect(await sizeOf()).toBe(4)
  })

  test('a hole is 409 sequence_gap and tells where to go on; nothing of the request is taken', async () => {
    const { status, body } = await post([eventOf(5), eventOf(7)])
    expect([status, body.code, body.next_expected]).toEqual([409, 'sequence_gap', '6'])
    expect((await post([eventOf(1, '/registries/ninefold/teg#other'), eventOf(9)])).body.next_expected).toBe(
      '5',
    )
    expect(await sizeOf()).toBe(4)
    const head = await api.get('/events/head', { token, query: { source: REGISTRY_SOURCE } })
    expect(head.body).toEqual({
      source: REGISTRY_SOURCE,
      last_sequence: '4',
      next_expected: '5',
      index: 3,
    })
  })

  test('speaks for the own sources only: 403 source_not_allowed, 401 without the token', async () => {
    for (const source of ['/registries/other/registry', '/registries/ninefold-2/teg', '/registries/ninefold'])
      expect((await post([eventOf(1, source)])).body.code).toBe('source_not_allowed')
    expect((await post([eventOf(5)], {})).status).toBe(401)
    expect((await post([eventOf(5)], { token: 'another-token-0123456789-0123456789' })).status).toBe(401)
    expect(await sizeOf()).toBe(4)
  })

  test.each([
    ['a document that is no JSON', { payload: '{"a":' }],
    ['a document that is no object', { payload: '[1]' }],
    ['a document of another event', { payload: eventOf(5).payload }],
    ['a salt that is too short', { salt: 'AAAA' }],
    ['number 0', { sequence: '0' }],
    ['a source with a blank', { source: '/registries/ninefold/a b' }],
    ['a field nobody knows', { extra: 1 }],
  ])('refuses %s with 400 validation_failed', async (_name, more) => {
    const { status, body } = await post([{ ...eventOf(5), ...more } as EventIn])
    expect([status, body.code]).toEqual([400, 'validation_failed'])
    expect(await sizeOf()).toBe(4)
  })

  test('refuses a request that tells a number twice, or in another order', async () => {
    for (const numbers of [
      [5, 5],
      [6, 5],
    ])
      expect((await post(numbers.map((n) => eventOf(n)))).body.code).toBe('validation_failed')
  })
})

describe('requests of one moment', () => {
  test('travel together, and each is judged for itself', async () => {
    const source = '/registries/ninefold/group'
    const [one, two, three] = [eventOf(1, source), eventOf(2, source), eventOf(3, source)] as const
    const answers = await Promise.all([
      post([one]),
      post([one]),
      post([eventOf(1, source)]),
      post([two, three]),
      post([eventOf(9, source)]),
      post([three]),
    ])
    expect(answers.map(({ status, body }) => (status === 200 ? body.receipts.length : body.code))).toEqual([
      1,
      1,
      'sequence_conflict',
      2,
      'sequence_gap',
      1,
    ])
    const index = answers[0]?.body.receipts[0].index
    expect(answers[1]?.body.receipts[0]).toMatchObject({ index, duplicate: true })
    expect(answers[5]?.body.receipts[0].index).toBe(answers[3]?.body.receipts[1].index)
  })
})

describe('two sequencers on one log', () => {
  const SEED = Number(process.env.TEST_SEED ?? 20_261_124)

  test(`append at once without losing, doubling or breaking the tree (seed ${SEED})`, async () => {
    const rivals = await Promise.all([startStore({}, { db, clock }), startStore({}, { db, clock })])
    const random = seededRandom(SEED)
    const told = await sizeOf()
    // Every source is told by two forwarders at once, as after a change of leader.
    const work = Array.from({ length: 6 }, (_, n) => {
      const source = `/registries/ninefold/s${n}`
      const events = Array.from({ length: 60 }, (_, i) => eventOf(i + 1, source))
      return rivals.map(async (rival) => {
        for (let at = 0; at < events.length; ) {
          const some = events.slice(at, at + 1 + Math.floor(random() * 9))
          const answer = await rival.api.post('/events', { events: some }, { token })
          if (answer.status === 200) at += some.length
          // The other forwarder's events may be on their way: their number is then not there yet.
          else expect(answer.body.code).toBe('sequence_gap')
        }
      })
    })
    await Promise.all(work.flat())
    expect(await sizeOf()).toBe(told + 360)
    const rows = await db.query<{ count: bigint; last: bigint }>(
      `select count(*) as count, max(e.sequence) as last from event_store.entries e
       join event_store.sources s on s.id = e.source where s.source like '/registries/ninefold/s_' group by s.source`,
    )
    expect(rows).toEqual(Array.from({ length: 6 }, () => ({ count: 60n, last: 60n })))
    const audit = await api.get('/audit', { token })
    expect(audit.body).toMatchObject({ size: told + 360, intact: true, faults: [] })
  })
})

describe('a crash in the middle', () => {
  /** A database whose connection breaks at the append: before it is done, or when it is done and nobody was told. */
  const breaking = (when: 'before' | 'after'): Database => {
    let armed = true
    const wrap = (inner: Database): Database => ({
      kind: inner.kind,
      transaction: (work, options) => inner.transaction(work, options),
      script: (text) => inner.script(text),
      close: () => inner.close(),
      bound: (signal) => wrap(inner.bound(signal)),
      get unbound() {
        return wrap(inner.unbound)
      },
      async query<R>(text: string, params?: readonly unknown[]) {
        const breaks = armed && text.includes('append_group(')
        if (breaks) armed = false
        if (breaks && when === 'before')
          throw Object.assign(new Error('Connection terminated'), { code: '08006' })
        const rows = await inner.query<R>(text, params)
        if (breaks) throw Object.assign(new Error('Connection terminated'), { code: '08006' })
        return rows
      },
    })
    return wrap(db)
  }

  test.each(['before', 'after'] as const)('%s the commit, the events stand in the log once', async (when) => {
    const source = `/registries/ninefold/${when}`
    const before = await sizeOf()
    const broken = await startStore({}, { db: breaking(when), clock })
    const events = [eventOf(1, source), eventOf(2, source)]
    const answer = await broken.api.post('/events', { events }, { token })
    expect(answer.status).toBe(200)
    expect(answer.body.receipts.map(({ index }: { index: number }) => index)).toEqual([before, before + 1])
    expect(await sizeOf()).toBe(before + 2)
    const again = await post(events)
    expect(again.body.receipts.map(({ index }: { index: number }) => index)).toEqual([before, before + 1])
  })

  test('with the database gone for good, the answer is 503 log_unavailable and nothing is half there', async () => {
    const away = withMethods(db, { query: () => Promise.reject(new Error('Connection terminated')) })
    const before = await sizeOf()
    const { open } = await startStore({}, { db, clock })
    const { openSequencer } = await import('#core/event-store/log/open-sequencer.ts')
    const ctx = open()
    const sequencer = openSequencer({
      db: away,
      clock,
      origin: ctx.keys.origin,
      signer: ctx.keys.log,
      log: ctx.log,
    })
    await expect(sequencer.append([])).rejects.toMatchObject({ code: 'log_unavailable', status: 503 })
    expect(await sizeOf()).toBe(before)
  })
})

describe('the tables', () => {
  test.each([
    "update event_store.entries set type = 'x'",
    'update event_store.entries set salt = null, payload = null',
    'delete from event_store.entries',
    'truncate event_store.entries cascade',
    'update event_store.tiles set root = hashes',
    'delete from event_store.tiles',
    'truncate event_store.tiles',
    'update event_store.log_head set size = 0',
    'delete from event_store.log_head',
    'truncate event_store.log_head',
    'update event_store.sources set last_sequence = 0',
    'delete from event_store.sources',
    'update event_store.equivocations set sequence = 1',
    'delete from event_store.equivocations',
    'truncate event_store.erasures',
    'truncate event_store.witnessed_logs',
  ])('refuse %s', async (statement) => {
    await tell(1, '/registries/ninefold/guarded')
    await expect(db.query(statement)).rejects.toThrow(/append-only|only grows/)
  })
})
