/** The live metrics: counts and volume of the last minute. */
import { afterAll, expect, test } from 'vitest'
import { METRICS_CHANNEL, publishMetrics } from '#core/registry/stream/publish-metrics.ts'
import { journalOf } from '#test/support/journal.ts'
import { startSystem } from '#test/support/system.ts'

const { registry, clock } = await startSystem()
const journal = journalOf(registry)
afterAll(() => registry.feed.close())

test('the volume is the sum of what transfers say of their amount, whatever their texts pretend', async () => {
  const heard: string[] = []
  const stop = await registry.coordination.subscribe(METRICS_CHANNEL, (message) => heard.push(message))
  await journal.tell({ type: 'transfer.completed', data: { amount: '1000' } })
  clock.advance(61_000)
  const memos = [null, '"amount":"5"', '","amount":"7","x":"', '\\"amount\\":\\"9\\"', '}']
  const amounts = ['0.000001', '12.5', '9007199254.740991', '3', '0.25']
  const head = await journal.tell(
    ...amounts.map((amount, i) => ({
      type: 'transfer.completed',
      subject: `transfers/${i}`,
      data: { memo: memos[i], amount, reference: memos[i] },
    })),
    { type: 'agent.updated', data: { amount: '40' } },
  )
  expect(await publishMetrics(journal.open())).toEqual({ events: 6, transfers: 5 })
  await expect.poll(() => heard).toHaveLength(1)
  expect(JSON.parse(heard[0] as string)).toMatchObject({
    head,
    events_per_minute: 6,
    transfers_per_minute: 5,
    volume_per_minute: '9007199270.490992',
  })
  await stop()
})
