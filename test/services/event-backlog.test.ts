/** An EventStore that is away for an hour of events: everything local goes on, the lag is told, and all of it is caught up. */
import { afterAll, describe, expect, test } from 'vitest'
import { openMetrics } from '#core/platform/metrics.ts'
import { startForwarder } from '#core/registry/forward/start-forwarder.ts'
import { openEventStoreClient } from '#core/registry/open-event-store-client.ts'
import { STORE_TOKEN, startStore } from '#test/support/event-store.ts'
import { journalOf } from '#test/support/journal.ts'
import { serverUrl } from '#test/support/services.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'

const MINUTES = 60
/** Ten a second. */
const PER_MINUTE = 600

describe.skipIf(serverUrl('TEST_DATABASE_URL') === null)('an hour without the EventStore', async () => {
  const { registry, clock, api } = await startSystem()
  const journal = journalOf(registry)
  const store = await startStore({}, { clock })
  let isThere = false
  const client = openEventStoreClient({
    token: STORE_TOKEN,
    fetch: (request) => (isThere ? store.fetch(request) : Promise.reject(new Error('connect ECONNREFUSED'))),
  })
  const metrics = openMetrics({ process: false })
  const verifier = store.store.keys.log.verifier
  const forwarder = await startForwarder(registry, { client, verifier }, metrics)
  afterAll(async () => {
    await forwarder.stop()
    await registry.feed.close()
  })
  const figure = async (name: string) =>
    Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await metrics.metricsText())?.[1])

  test('stops nothing here, is told as a lag of 3,600 s, and leaves no hole', async () => {
    const seen: number[] = []
    const follower = registry.feed.follow({
      caller: { kind: 'operator', account: null, key: 'x', roles: ['operator'] },
      after: 0n,
      types: ['>'],
      deliver: ({ index }) => seen.push(Number(index)) > 0,
    })
    for (let minute = 0; minute < MINUTES; minute++) {
      await registry.db.query(
        `insert into registry.outbox (id, type, subject, data, occurred_at)
         select gen_random_uuid(), 'agent.updated', 'agents/1', json_build_object('minute', $1::integer, 'n', n), $2
         from generate_series(1, $3::integer) n`,
        [minute, clock.now(), PER_MINUTE],
      )
      await journal.drain()
      clock.advance(60_000)
    }
    const total = MINUTES * PER_MINUTE
    expect(await figure('forwarder_lag_events')).toBe(total)
    expect(await figure('forwarder_lag_seconds')).toBe(3600)
    expect(await figure('forwarder_halted')).toBe(0)
    await expect.poll(() => seen.length, { timeout: 120_000 }).toBe(total)
    follower.stop()
    const page = await api.get('/events', { token: OPERATOR_KEY, query: { after: String(total - 1) } })
    expect(page.body.items).toHaveLength(1)
    expect(page.body.items[0].event.ledgerindex).toBeUndefined()

    isThere = true
    await journal.tell({ data: { back: true } })
    await expect.poll(() => figure('forwarder_lag_events'), { timeout: 120_000 }).toBe(0)
    const placed = await registry.db.query(
      'select 1 as one from registry.ledger_receipts where ledgerindex = index - 1',
    )
    expect(placed).toHaveLength(total + 1)
    const audit = await store.api.get('/audit', { token: STORE_TOKEN })
    expect(audit.body).toMatchObject({ intact: true, size: total + 1 })
  }, 400_000)
})
