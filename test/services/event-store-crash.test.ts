/** kill -9 of the EventStore in the middle of appends: what it receipted stands where it said, and everything stands once. */
import { afterAll, expect, test } from 'vitest'
import { type EventIn, eventOf } from '#test/support/event-store.ts'
import { dataFolder, freePort, type Running, startProcess } from '#test/support/process.ts'

const SENDERS = 6
const KILL_AFTER = 120
const EVENTS_MAX = 4000
const token = 'event-store-token-of-a-process-0123456789'
const folder = dataFolder()
const port = await freePort()
const start = () =>
  startProcess(folder.path, port, {
    HOST_SERVICES: 'event-store',
    EVENT_STORE_PORT: String(port),
    EVENT_STORE_SERVICE_TOKEN: token,
    REGISTRY_NAME: 'north',
  })
let host: Running = await start()
afterAll(async () => {
  await host.stop('SIGKILL')
  folder.remove()
})

interface Receipt {
  sequence: string
  index: number
  leaf_hash: string
}

async function append(events: readonly EventIn[]): Promise<Receipt[]> {
  const reply = await fetch(`${host.url}/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ events }),
  })
  const body = (await reply.json()) as { receipts: Receipt[] }
  expect(reply.status, JSON.stringify(body)).toBe(200)
  return body.receipts
}

test('every receipt holds after the restart, and no event stands twice', async () => {
  const sources = Array.from({ length: SENDERS }, (_, n) => `/registries/north/s${n}`)
  const histories = sources.map((source) =>
    Array.from({ length: EVENTS_MAX }, (_, i) => eventOf(i + 1, source)),
  )
  const receipted = new Map<string, Receipt>()
  const sent = new Map<string, number>()
  let killed: Promise<number | null> | null = null
  const send = async (history: EventIn[], source: string) => {
    for (let at = 0; at < history.length; ) {
      const some = history.slice(at, at + 1 + (at % 4))
      sent.set(source, at + some.length)
      try {
        for (const receipt of await append(some)) receipted.set(`${source} ${receipt.sequence}`, receipt)
      } catch (error) {
        if (!killed) throw error
        return
      }
      at += some.length
      if (receipted.size >= KILL_AFTER) killed ??= host.stop('SIGKILL')
    }
  }
  await Promise.all(histories.map((history, n) => send(history, sources[n] as string)))
  expect(await killed).toBeNull()
  expect(receipted.size).toBeGreaterThanOrEqual(KILL_AFTER)

  host = await start()
  const places = new Set<number>()
  for (const [n, history] of histories.entries()) {
    const source = sources[n] as string
    const told = history.slice(0, sent.get(source))
    for (const receipt of await append(told)) {
      const before = receipted.get(`${source} ${receipt.sequence}`)
      if (before) expect([receipt.index, receipt.leaf_hash]).toEqual([before.index, before.leaf_hash])
      places.add(receipt.index)
    }
  }
  const total = [...sent.values()].reduce((sum, count) => sum + count, 0)
  expect([...places].sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, i) => i))
  const audit = await fetch(`${host.url}/audit`, { headers: { authorization: `Bearer ${token}` } })
  expect(await audit.json()).toMatchObject({ size: total, intact: true, faults: [] })
}, 180_000)
