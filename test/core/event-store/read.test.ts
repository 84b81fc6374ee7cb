/** Reading back: own sources only, cursors by what was looked at, waiting, the live tail. */
import { describe, expect, test } from 'vitest'
import { eventOf, STORE_TOKEN, startStore } from '#test/support/event-store.ts'

const store = await startStore()
const { api, db, clock } = store
const token = STORE_TOKEN
/** Another registry's process on the same log: its token speaks for other sources. */
const south = await startStore({ REGISTRY_NAME: 'south' }, { db, clock })

const types = ['agent.published', 'agent.updated', 'transfer.completed']
for (let i = 0; i < 30; i++) {
  await api.post(
    '/events',
    { events: [eventOf(i + 1, undefined, { type: types[i % 3] as string })] },
    { token },
  )
  await south.tell(1, '/registries/south/registry')
}
const list = (query: Record<string, string>, from = api) => from.get('/events', { token, query })

describe('pages', () => {
  test("hold the caller's own documents only, and move on past those of others", async () => {
    const first = (await list({ limit: '10' })).body
    expect(first.items.map((item: { index: number }) => item.index)).toEqual([
      0, 2, 4, 6, 8, 10, 12, 14, 16, 18,
    ])
    expect(first).toMatchObject({ scanned_to: 18, next_cursor: '18', size: 60 })
    const theirs = (await list({ limit: '200' }, south.api)).body
    expect(
      theirs.items.every((item: { source: string }) => item.source === '/registries/south/registry'),
    ).toBe(true)
    expect(theirs.items).toHaveLength(30)
    expect(JSON.stringify(first)).not.toContain('south')
    expect((await list({ source: '/registries/south/registry' })).body.items).toEqual([])
  })

  test('a filter that matches nothing still moves the cursor', async () => {
    const page = (await list({ types: 'crossing.*' })).body
    expect(page).toMatchObject({ items: [], scanned_to: 59, next_cursor: null })
    const some = (await list({ types: 'transfer.*', limit: '5' })).body
    expect(some.items.map((item: { type: string }) => item.type)).toEqual(Array(5).fill('transfer.completed'))
    expect(some.next_cursor).toBe(String(some.items.at(-1).index))
  })

  test('followed by their cursors give every document once, whatever the page', async () => {
    for (const limit of ['1', '7', '200']) {
      const seen: number[] = []
      let cursor: string | null = null
      do {
        const page: { items: { sequence: string }[]; next_cursor: string | null } = (
          await list({ limit, ...(cursor ? { cursor } : {}) })
        ).body
        seen.push(...page.items.map((item) => Number(item.sequence)))
        cursor = page.next_cursor
      } while (cursor)
      expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => i + 1))
    }
  })

  test('need the token: 401; and well-formed queries: 400', async () => {
    expect((await api.get('/events')).status).toBe(401)
    for (const query of [{ after: '-1' }, { limit: '0' }, { wait: '26' }, { types: '..' }, { what: '1' }])
      expect((await list(query as unknown as Record<string, string>)).status, JSON.stringify(query)).toBe(400)
  })

  test('`wait` holds an empty page back until something comes, from this process or another one', async () => {
    const waiting = list({ after: '59', wait: '25' })
    const other = list({ after: '59', wait: '25' }, south.api)
    await south.tell(1, '/registries/south/registry')
    expect((await other).body.items.map((item: { index: number }) => item.index)).toEqual([60])
    await api.post('/events', { events: [eventOf(31)] }, { token })
    expect((await waiting).body.items.map((item: { index: number }) => item.index)).toEqual([61])
    expect((await list({ after: '61', wait: '0' })).body).toMatchObject({ items: [], scanned_to: 61 })
  })
})

describe('the tail', () => {
  const openTail = async (query: string, headers: Record<string, string> = {}) => {
    const reply = await store.fetch(
      new Request(`http://event-store/events/stream${query}`, {
        headers: { authorization: `Bearer ${token}`, ...headers },
      }),
    )
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader()
    if (!reader) throw new Error('no body')
    let text = ''
    return {
      reply,
      async take(count: number): Promise<number[]> {
        for (;;) {
          const ids = [...text.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))
          if (ids.length >= count) return ids
          const { value, done } = await reader.read()
          if (done) return ids
          text += value
        }
      },
      close: () => reader.cancel(),
      ended: async () => (await reader.read()).done,
    }
  }

  test('gives what is there and then what comes, and goes on after Last-Event-ID', async () => {
    const tail = await openTail('?after=57')
    expect(tail.reply.headers.get('content-type')).toBe('text/event-stream')
    expect(await tail.take(2)).toEqual([58, 61])
    const more = tail.take(4)
    await api.post('/events', { events: [eventOf(32), eventOf(33)] }, { token })
    expect(await more).toEqual([58, 61, 62, 63])
    await tail.close()
    const resumed = await openTail('?after=0', { 'last-event-id': '61' })
    expect(await resumed.take(2)).toEqual([62, 63])
    await resumed.close()
  })

  test('ends when the host drains', async () => {
    const last = await startStore({}, { db, clock })
    const reply = await last.fetch(
      new Request('http://event-store/events/stream?after=63', {
        headers: { authorization: `Bearer ${token}` },
      }),
    )
    const text = reply.text()
    await last.store.heads.end()
    expect(await text).toContain('retry:')
    expect((await last.api.get('/events', { token, query: { after: '63', wait: '25' } })).body.items).toEqual(
      [],
    )
  })
})
