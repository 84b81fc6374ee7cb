import { afterAll, describe, expect, test } from 'vitest'
import type { Coordination } from '#core/platform/coordination/coordination.ts'
import { startRelay } from '#core/registry/stream/start-relay.ts'
import { journalOf } from '#test/support/journal.ts'
import { startSystem } from '#test/support/system.ts'

const { registry } = await startSystem()
const journal = journalOf(registry)
afterAll(() => registry.feed.close())
const head = async () =>
  Number((await registry.db.query<{ index: bigint }>('select index from registry.journal_head'))[0]?.index)

describe('startRelay', () => {
  test('moves facts when woken, from any process; a second one takes over when the leader stops', async () => {
    const first = await startRelay(registry)
    const second = await startRelay(registry)
    await journal.emit()
    first.wake()
    await expect.poll(head).toBe(1)
    await journal.emit()
    second.wake()
    await expect.poll(head).toBe(2)
    await first.stop()
    await journal.emit()
    second.wake()
    await expect.poll(head, { timeout: 5000 }).toBe(3)
    await second.stop()
    await journal.emit()
    expect(await head()).toBe(3)
  })

  test('goes on without the coordination store: every process relays, nothing is doubled', async () => {
    const away = () => Promise.reject(new Error('the store is away'))
    const coordination: Coordination = {
      ...registry.coordination,
      acquireLease: away,
      ping: async () => false,
      releaseLease: away,
      publish: away,
      subscribe: away,
    }
    const relays = await Promise.all([1, 2].map(() => startRelay({ ...registry, coordination })))
    const before = await head()
    for (let i = 0; i < 10; i++) await journal.emit()
    for (const relay of relays) relay.wake()
    // The one that the test before has left in the outbox comes too.
    await expect.poll(head, { timeout: 5000 }).toBe(before + 11)
    for (const relay of relays) await relay.stop()
  })
})
