import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { journalOf } from '#test/support/journal.ts'
import { startSystem } from '#test/support/system.ts'

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

interface Message {
  id?: string
  event?: string
  data?: Record<string, unknown>
}

/** Opens the stream and reads its messages one by one. */
async function openStream(query = '', token = alice.token, headers: Record<string, string> = {}) {
  const request = new Request(`http://127.0.0.1:8000/api/v1/events/stream${query}`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
  })
  const response = await api.raw(request)
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const next = async (): Promise<Message | null> => {
    for (;;) {
      const end = text.indexOf('\n\n')
      if (end >= 0) {
        const fields = text
          .slice(0, end)
          .split('\n')
          .map((line) => line.split(/: (.*)/s))
        text = text.slice(end + 2)
        const field = (name: string) => fields.find(([key]) => key === name)?.[1]
        const [id, event, data] = [field('id'), field('event'), field('data')]
        if (data !== undefined)
          return { ...(id ? { id } : {}), ...(event ? { event } : {}), data: JSON.parse(data) }
        continue
      }
      const chunk = await reader?.read()
      if (!chunk || chunk.done) return null
      text += chunk.value
    }
  }
  return { response, next, close: () => reader?.cancel() }
}

describe('GET /events/stream', () => {
  test('says hello, then gives new events with their index as id, and no history', async () => {
    const before = await journal.tell({})
    const stream = await openStream()
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    expect(await stream.next()).toEqual({
      event: 'hello',
      data: { type: 'hello', connection_id: expect.any(String), head: before, limits: expect.any(Object) },
    })
    await journal.tell({ audience: [bob.account] }, { type: 'agent.retired' })
    expect(await stream.next()).toEqual({
      id: String(before + 2),
      data: { type: 'event', index: before + 2, event: expect.objectContaining({ type: 'agent.retired' }) },
    })
    await stream.close()
  })

  test('resumes after Last-Event-ID exactly once over disconnects', async () => {
    const before = await journal.tell({})
    await journal.tell(...Array.from({ length: 30 }, () => ({})))
    const seen: number[] = []
    while (seen.length < 30) {
      const stream = await openStream('?types=agent.*', alice.token, {
        'last-event-id': String(seen.at(-1) ?? before),
      })
      expect((await stream.next())?.event).toBe('hello')
      for (let i = 0; i < 7 && seen.length < 30; i++) seen.push(Number((await stream.next())?.id))
      await stream.close()
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => before + 1 + i))
  })

  test('starts after ?after=, and tells a gap when that is beyond the head', async () => {
    const before = await journal.tell({}, {})
    const stream = await openStream(`?after=${before - 1}`)
    await stream.next()
    expect((await stream.next())?.id).toBe(String(before))
    await stream.close()
    const ahead = await openStream(`?after=${before + 5}`)
    await ahead.next()
    expect((await ahead.next())?.data).toEqual({ type: 'gap', from: before + 1, to: before + 5 })
    await ahead.close()
  })

  test('a slow reader gets more than the buffer holds, in order', async () => {
    const before = await journal.tell({})
    const stream = await openStream()
    await stream.next()
    const filler = 'x'.repeat(50_000)
    await journal.tell(...Array.from({ length: 30 }, () => ({ data: { filler } })))
    const ids: number[] = []
    for (let i = 0; i < 30; i++) ids.push(Number((await stream.next())?.id))
    expect(ids).toEqual(Array.from({ length: 30 }, (_, i) => before + 1 + i))
    await stream.close()
  })

  test('answers 400 validation_failed to a bad Last-Event-ID and 401 unauthenticated to nobody', async () => {
    const { response } = await openStream('', alice.token, { 'last-event-id': 'x' })
    expect([response.status, response.headers.get('content-type')]).toEqual([400, 'application/problem+json'])
    expect((await openStream('', 'nobody')).response.status).toBe(401)
  })

  test('answers HEAD without opening a stream', async () => {
    const request = new Request('http://127.0.0.1:8000/api/v1/events/stream', {
      method: 'HEAD',
      headers: { authorization: `Bearer ${alice.token}` },
    })
    const response = await api.raw(request)
    expect([response.status, response.body]).toEqual([200, null])
  })

  test('answers 429 stream_limit beyond 20 streams of a caller, and a closed one makes room', async () => {
    const streams = []
    for (let i = 0; i < 20; i++) streams.push(await openStream('', bob.token))
    const refused = await openStream('', bob.token)
    expect(refused.response.status).toBe(429)
    await streams[0]?.close()
    streams[0] = await openStream('', bob.token)
    expect(streams[0].response.status).toBe(200)
    for (const stream of streams) await stream.close()
  })

  test('ends with shutting_down and a spread hint when to come back when the feed closes, and at once after that', async () => {
    const stream = await openStream()
    await stream.next()
    await registry.feed.close()
    const late = await openStream()
    await late.next()
    for (const one of [stream, late]) {
      const last = await one.next()
      expect(last).toMatchObject({ event: 'error', data: { type: 'error', code: 'shutting_down' } })
      const hint = Number(last?.data?.retry_after_ms)
      expect([hint >= 2000, hint <= 4000]).toEqual([true, true])
      expect(await one.next()).toBeNull()
    }
  })
})
