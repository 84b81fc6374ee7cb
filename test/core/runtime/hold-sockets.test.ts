import { describe, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import { METRICS_CHANNEL } from '#core/runtime/hold-sockets.ts'
import { ALICE, BOB, holdSockets, indexes, isHello, settled } from '#test/support/held-sockets.ts'
import { seededRandom } from '#test/support/random.ts'
import { openSocket } from '#test/support/socket.ts'

const { callers, connect, journal, registry, revoked, start } = await holdSockets()

describe('WS /ws/events', () => {
  test('says hello with its head, then gives every new event that the caller may see and no history', async () => {
    const head = await journal.tell({}, {})
    const socket = await connect('dev', '/api/v1/ws')
    const hello = await socket.next(isHello)
    expect(hello).toEqual({
      type: 'hello',
      connection_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      head,
      limits: {
        streams_per_caller: 20,
        frame_bytes: 16_384,
        frames_per_minute: 240,
        pause_bytes: 262_144,
        close_bytes: 1_048_576,
        ping_seconds: 30,
      },
    })
    await journal.tell(
      { type: 'agent.published', data: { n: 1 } },
      { audience: [BOB] },
      { type: 'transfer.completed', audience: [ALICE, BOB] },
    )
    const events = await socket.events(2)
    expect(indexes(events)).toEqual([head + 1, head + 3])
    expect(events[0]).toEqual({
      type: 'event',
      index: head + 1,
      event: expect.objectContaining({ specversion: '1.0', type: 'agent.published', data: { n: 1 } }),
    })
  })

  test('two tenants see public events and their own, an operator sees all', async () => {
    const [alice, bob, ops] = await Promise.all(['dev', 'bob', 'ops'].map((token) => connect(token)))
    const head = (await alice?.next(isHello))?.head as number
    await journal.tell({ audience: [ALICE] }, { audience: [BOB] }, { audience: [] }, {})
    expect(indexes((await alice?.events(2)) ?? [])).toEqual([head + 1, head + 4])
    expect(indexes((await bob?.events(2)) ?? [])).toEqual([head + 2, head + 4])
    expect(indexes((await ops?.events(4)) ?? [])).toEqual([1, 2, 3, 4].map((n) => head + n))
  })

  test('subscribe filters by type and resumes after an index; unsubscribe ends delivery', async () => {
    const start = await journal.tell(
      { type: 'agent.published' },
      { type: 'stake.opened' },
      { type: 'agent.retired' },
    )
    const socket = await connect('dev')
    await socket.next(isHello)
    socket.send({ type: 'subscribe', types: ['agent.*'], after: start - 3 })
    expect(indexes(await socket.events(2))).toEqual([start - 2, start])
    socket.frames.length = 0
    socket.send({ type: 'subscribe', types: ['stake.>', 'agent.retired'] })
    await settled(socket)
    await journal.tell({ type: 'agent.updated' }, { type: 'stake.closed' })
    expect(indexes(await socket.events(1))).toEqual([start + 2])
    socket.frames.length = 0
    socket.send({ type: 'unsubscribe' })
    await settled(socket)
    const missed = await journal.tell({ type: 'stake.closed' })
    socket.send({ type: 'subscribe', types: ['>'] })
    await settled(socket)
    await journal.tell({ type: 'agent.updated' })
    expect(indexes(await socket.events(1))).toEqual([missed + 1])
  })

  describe('whoever resumes', () => {
    test('gets what it has missed before what is new, however late it asks, while its line has not answered', async () => {
      const { base } = await start({ graceMs: 0 })
      const head = await journal.tell({ data: { n: 'missed' } })
      const socket = await openSocket(`${base}/ws/events`, {
        headers: { authorization: 'Bearer dev' },
        autoPong: false,
      })
      await socket.next(isHello)
      await journal.tell({ data: { n: 'new' } })
      await settled(socket)
      expect(socket.frames.filter(({ type }) => type === 'event')).toEqual([])
      socket.send({ type: 'subscribe', types: ['>'], after: head - 1 })
      expect(indexes(await socket.events(2))).toEqual([head, head + 1])
      expect(socket.frames.filter(({ type }) => type === 'gap')).toEqual([])
      socket.socket.terminate()
    })

    test('is told by a gap that its cursor goes back when it was given later events before it asked', async () => {
      const { base } = await start({ graceMs: 0 })
      const head = await journal.tell({}, {})
      const socket = await connect('dev', '/ws/events', base)
      await socket.next(isHello)
      await journal.tell({})
      expect(indexes(await socket.events(1))).toEqual([head + 1])
      socket.frames.length = 0
      socket.send({ type: 'subscribe', types: ['>'], after: head - 2 })
      await socket.events(3)
      expect(socket.frames.map(({ type, index, from, to }) => [type, index ?? from, to])).toEqual([
        ['gap', head - 1, head + 1],
        ['event', head - 1, undefined],
        ['event', head, undefined],
        ['event', head + 1, undefined],
      ])
      socket.frames.length = 0
      socket.send({ type: 'subscribe', types: ['>'], after: head + 1 })
      await settled(socket)
      await journal.tell({})
      expect(indexes(await socket.events(1))).toEqual([head + 2])
      expect(socket.frames.filter(({ type }) => type === 'gap')).toEqual([])
    })

    test('may say so in the address: the first event is the first that it has missed', async () => {
      const { base } = await start({ graceMs: 0 })
      const head = await journal.tell(
        { type: 'agent.published' },
        { type: 'stake.opened' },
        { type: 'agent.retired' },
      )
      const socket = await connect('dev', `/ws/events?after=${head - 3}&types=agent.*`, base)
      await journal.tell({ type: 'agent.updated' })
      expect(indexes(await socket.events(3))).toEqual([head - 2, head, head + 1])
      const live = await connect('dev', '/ws/events?types=stake.*', base)
      const hello = await live.next(isHello)
      await journal.tell({ type: 'agent.updated' }, { type: 'stake.closed' })
      expect(indexes(await live.events(1))).toEqual([(hello.head as number) + 2])
    })

    test.each(['after=x', 'after=-1', 'after=01', 'after=99999999999999999', 'types=', 'types=A%20B'])(
      'is refused with 400 for %s',
      async (query) => {
        await expect(connect('dev', `/ws/events?${query}`)).rejects.toMatchObject({
          status: 400,
          body: { code: 'validation_failed' },
        })
      },
    )
  })

  test('an index beyond the head is answered with a gap frame', async () => {
    const head = await journal.tell({})
    const socket = await connect('dev')
    socket.send({ type: 'subscribe', types: ['>'], after: head + 10 })
    expect(await socket.next(({ type }) => type === 'gap')).toEqual({
      type: 'gap',
      from: head + 1,
      to: head + 10,
    })
    await journal.tell({})
    expect(indexes(await socket.events(1))).toEqual([head + 1])
  })

  test.each([
    'no json',
    '[]',
    '{"type":"subscribe"}',
    '{"type":"subscribe","types":[]}',
    '{"type":"subscribe","types":["A B"]}',
    '{"type":"subscribe","types":[">"],"after":-1}',
    '{"type":"subscribe","types":[">"],"after":"1"}',
    '{"type":"pong","more":1}',
  ])('answers malformed_frame to %s', async (text) => {
    const socket = await connect('dev')
    socket.send(text)
    expect(await socket.next(({ type }) => type === 'error')).toEqual({
      type: 'error',
      code: 'malformed_frame',
    })
    expect(socket.socket.readyState).toBe(socket.socket.OPEN)
  })

  test('closes 1008 after five malformed frames, after too many frames, and 1009 for a frame above 16 KiB', async () => {
    const one = await connect('dev')
    for (let i = 0; i < 5; i++) one.send('x')
    expect(await one.closed).toEqual({ code: 1008, reason: '{"code":"malformed_frame"}' })
    const two = await connect('dev')
    for (let i = 0; i < 241; i++) two.send({ type: 'pong' })
    expect(await two.closed).toEqual({ code: 1008, reason: '{"code":"too_many_frames"}' })
    const three = await connect('dev')
    three.send(`"${'x'.repeat(17_000)}"`)
    expect((await three.closed).code).toBe(1009)
  })

  test('resumes exactly once over random disconnects while events keep coming', async () => {
    const from = await journal.tell({})
    const total = 300
    const seen: number[] = []
    const random = seededRandom(20_261_124)
    const writing = (async () => {
      for (let i = 0; i < total; i += 10)
        await journal.tell(...Array.from({ length: 10 }, (_, k) => ({ data: { n: i + k } })))
    })()
    let last = from
    while (seen.length < total) {
      const socket = await connect('dev')
      socket.send({ type: 'subscribe', types: ['agent.*'], after: last })
      await socket.next(isHello)
      const events = await socket.events(Math.min(1 + Math.floor(random() * 40), total - seen.length))
      seen.push(...(indexes(events) as number[]))
      last = seen.at(-1) ?? last
      socket.socket.terminate()
    }
    await writing
    expect(seen).toEqual(Array.from({ length: total }, (_, i) => from + 1 + i))
  })

  test('closes 4401 when the credential ends, and when its rights change', async () => {
    const quick = await start({ recheckMs: 10 })
    const ended = await connect('dev', '/ws/events', quick.base)
    revoked.add('dev')
    expect(await ended.closed).toEqual({ code: 4401, reason: '{"code":"session_ended"}' })
    const demoted = await connect('ops', '/ws/events', quick.base)
    const before = callers.ops as Caller
    callers.ops = { ...before, roles: ['auditor'] } as Caller
    expect((await demoted.closed).code).toBe(4401)
    callers.ops = before
    await quick.sockets.close(1)
    quick.server.close()
  })

  test('pings, keeps a peer that answers and drops one that is dead', async () => {
    const quick = await start({ pingMs: 300 })
    const live = await connect('dev', '/ws/events', quick.base)
    const dead = await openSocket(`${quick.base}/ws/events`, {
      headers: { authorization: 'Bearer dev' },
      autoPong: false,
    })
    expect((await dead.closed).code).toBe(1006)
    for (let i = 0; i < 3; i++)
      expect(await live.next(({ type }) => type === 'ping')).toEqual({ type: 'ping' })
    expect(live.socket.readyState).toBe(live.socket.OPEN)
    await quick.sockets.close(1)
    quick.server.close()
  })

  test('a reader that stops is paused, and gets the rest in order when it goes on', async () => {
    const socket = await connect('dev')
    const head = (await socket.next(isHello)).head as number
    socket.socket.pause()
    const filler = 'x'.repeat(60_000)
    for (let i = 0; i < 12; i++)
      await journal.tell(...Array.from({ length: 10 }, () => ({ data: { filler } })))
    socket.socket.resume()
    const events = await socket.events(120)
    expect(indexes(events)).toEqual(Array.from({ length: 120 }, (_, i) => head + 1 + i))
  })

  test('closes 4008 with the last index when one more event would pass 1 MB', async () => {
    const socket = await connect('dev')
    const head = (await socket.next(isHello)).head as number
    await journal.tell({ data: { small: true } }, { data: { filler: 'x'.repeat(1_100_000) } })
    expect(await socket.closed).toEqual({ code: 4008, reason: `{"last_index":${head + 1}}` })
  })

  test('gives metrics to everybody', async () => {
    const socket = await connect('dev')
    await registry.coordination.publish(METRICS_CHANNEL, 'no json')
    await registry.coordination.publish(METRICS_CHANNEL, '{"head":7}')
    expect(await socket.next(({ type }) => type === 'metrics')).toEqual({
      type: 'metrics',
      metrics: { head: 7 },
    })
  })

  test('drains with 1012 and a hint when to come back, and refuses new ones with 503 shutting_down', async () => {
    const going = await start()
    const socket = await connect('dev', '/ws/events', going.base)
    await socket.next(isHello)
    expect(going.sockets.count()).toBe(1)
    const closing = going.sockets.close(1000)
    await expect(connect('dev', '/ws/events', going.base)).rejects.toMatchObject({
      status: 503,
      body: { code: 'shutting_down' },
    })
    const { code, reason } = await socket.closed
    expect(code).toBe(1012)
    expect(JSON.parse(reason).retry_after_ms).toBeGreaterThanOrEqual(1000)
    expect(JSON.parse(reason).retry_after_ms).toBeLessThanOrEqual(2000)
    // Not every client looks at the reason of a close: the last frame says the same.
    const { retry_after_ms } = JSON.parse(reason)
    expect(socket.frames.at(-1)).toEqual({ type: 'error', code: 'shutting_down', retry_after_ms })
    await closing
    expect(going.sockets.count()).toBe(0)
    going.server.close()
  })
})
