import { expect, test } from 'vitest'
import { OPERATOR_KEY } from '#test/support/system.ts'
import { startWebhooks } from '#test/support/webhooks.ts'

const { system, sink, tell, queue, deliver, make, developer } = await startWebhooks()
const { api } = system

test('a delivery is not made of an event that a policy keeps from webhooks, nor by a replay', async () => {
  const alice = await developer()
  await tell()
  await queue()
  const webhook = await make(alice.token, { types: ['agent.*'] })
  const put = (policies: object[]) => api.put('/events/policies', { policies }, { token: OPERATOR_KEY })
  await put([{ priority: 1, types: 'agent.retired', action: 'drop', targets: ['webhook'] }])
  const head = await tell({ type: 'agent.retired' }, { type: 'agent.updated' })
  await put([])
  await queue()
  expect(await deliver()).toEqual({ delivered: 1, failed: 0 })
  expect(sink.received.map(({ index }) => index)).toEqual([head])
  const again = await api.post(
    `/webhooks/${webhook.id}/replay`,
    { from: head - 1, to: head },
    { token: alice.token },
  )
  expect(again.body.queued).toBe(1)
})
