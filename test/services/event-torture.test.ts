/** Twelve writers against everything that can die on the way of an event: nothing is lost, doubled or out of its order. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRedis } from '#test/support/crew/own-redis.ts'
import { serverUrl } from '#test/support/services.ts'
import { expectExactlyOnce } from '#test/support/torture/event-proofs.ts'
import { type EventWorld, startEventWorld, WRITERS } from '#test/support/torture/event-world.ts'

const server = serverUrl('TEST_DATABASE_URL')
const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

describe.skipIf(server === null || !hasRedis())(`${WRITERS} writers (TEST_SEED=${seed})`, () => {
  let world: EventWorld
  beforeAll(async () => {
    world = await startEventWorld(server ?? '', seed)
  }, 180_000)
  afterAll(async () => world?.stop())

  test('write on through kill -9 of relays, forwarders, sequencers, EventStores and Redis; every fact arrives once and in order', async () => {
    await world.progress(400)
    for (const victim of ['registry-a', 'registry-b', 'store-a', 'store-b'] as const) {
      await world.kill(victim)
      await world.progress(250)
      await world.revive(victim)
      await world.progress(100)
    }

    // Without Redis both hosts lead: two relays wait for the journal's lock, two forwarders tell two sequencers the same.
    await world.kill('redis')
    await world.until('two relays at once', async () => {
      const rows = await world.registry.query(
        `select 1 as one from pg_locks l join pg_database d on d.oid = l.database
         where l.locktype = 'advisory' and not l.granted and d.datname = current_database()`,
      )
      return rows.length > 0
    })
    await world.progress(400)
    await world.revive('redis')

    // Both EventStores away: everything local goes on, and is told when one is back.
    await world.kill('store-a')
    await world.kill('store-b')
    const seen = world.consumers.map(({ indexes }) => indexes.length)
    await world.progress(600)
    await world.until('news at every consumer', () =>
      world.consumers.every(({ indexes }, i) => indexes.length > (seen[i] ?? 0) + 300),
    )
    await world.revive('store-a')
    await world.revive('store-b')

    await world.settle()
    const counts = await expectExactlyOnce(world)
    expect(counts.undone).toBeGreaterThan(0)
    expect(counts.transfers).toBeGreaterThan(0)
    process.stdout.write(`${JSON.stringify(counts)}\n`)
  }, 400_000)
})
