/** Each mint and burn stands once in the audit trail, under the name of who ordered it, wherever a process has died. */
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { burn, mint } from '#core/registry/minting/change-supply.ts'
import { settleOrders } from '#core/registry/minting/settle-orders.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { registryContext } from '#test/support/context.ts'
import { withMethods } from '#test/support/database.ts'
import { type System, startSystem } from '#test/support/system.ts'
import { newAgent, SERVICE_TOKEN } from '#test/support/teg.ts'

let system: System
const operator = (id: string): Caller => ({ kind: 'operator', account: null, key: id, roles: ['operator'] })
const as = (name: string, key: string, parts: Partial<RegistryContext> = {}) =>
  registryContext(system.registry, {
    caller: operator(name),
    requestId: `request-of-${name}`,
    idempotencyKey: key,
    ...parts,
  })
/** The process dies behind the gate: what it would write no longer comes to its database. */
const dying = () => ({
  db: withMethods(system.registry.db, {
    transaction: () => Promise.reject(new Error('the process is dead')),
  }),
})
const order = { amount: 2_000_000n, memo: 'for the start' }
const acts = () =>
  system.registry.db.query<{ act: string; actor: string; request_id: string; after: { memo: string } }>(
    `select act, actor, request_id, after from registry.audit_trail where act like 'supply.%' order by position`,
  )
const waiting = async () => (await system.registry.db.query('select id from registry.supply_orders')).length
const sweep = () => settleOrders(registryContext(system.registry))
const issued = async () => (await system.registry.teg.supply(registryContext(system.registry))).tokens_issued
const later = (seconds: number) => system.clock.advance(seconds * 1000)

beforeAll(async () => {
  system = await startSystem({ MINTING_AUTHORITY: 'teg-layer' })
})
let seen = 0
afterEach(async () => {
  seen = (await acts()).length
})
const news = async () => (await acts()).slice(seen)

test('a process that dies between the gate and the record: the sweep records the act, once, for who ordered it', async () => {
  const before = Number(await issued())
  const at = system.clock.now()
  await expect(mint(as('ada', newAgent(), dying()), order)).rejects.toThrow('dead')
  expect([Number(await issued()) - before, await news(), await waiting()]).toEqual([2, [], 1])
  later(59)
  expect(await sweep()).toEqual({ recorded: 0, dropped: 0 })
  later(1)
  expect(await sweep()).toEqual({ recorded: 1, dropped: 0 })
  expect(await news()).toEqual([
    {
      act: 'supply.mint',
      actor: 'operator:ada',
      request_id: 'request-of-ada',
      after: { agent: null, amount: '2', memo: 'for the start', created_at: at.toISOString() },
    },
  ])
  later(60)
  expect(await sweep()).toEqual({ recorded: 0, dropped: 0 })
  expect([(await news()).length, await waiting()]).toEqual([1, 0])
})

test('a colleague who repeats the order, and the sweep at the same time, make no second row and no other name', async () => {
  const key = newAgent()
  await expect(burn(as('ada', key, dying()), order)).rejects.toThrow('dead')
  later(61)
  const all = await Promise.all([burn(as('bob', key), order), sweep(), burn(as('cy', key), order)])
  const bodies = [all[0], all[2]].map(({ body }) => body)
  expect(bodies[0]).toEqual(bodies[1])
  expect((await news()).map(({ act, actor }) => [act, actor])).toEqual([['supply.burn', 'operator:ada']])
  later(61)
  await sweep()
  expect([(await news()).length, await waiting()]).toEqual([1, 0])
})

test('an order that never came to the TEG is not carried out behind the back of the operator, and is dropped after a day', async () => {
  const before = await issued()
  const lost = openTegClient({
    token: SERVICE_TOKEN,
    newId: newAgent,
    wait: async () => undefined,
    fetch: () => new Promise<Response>(() => undefined),
  })
  const late = new AbortController()
  const asked = mint(as('ada', newAgent(), { teg: lost, signal: late.signal }), order)
  while ((await waiting()) === 0);
  // Sent, and nothing heard of it.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  late.abort(new Error('late'))
  await expect(asked).rejects.toMatchObject({ code: 'outcome_unknown' })
  later(3600)
  expect([await sweep(), await waiting()]).toEqual([{ recorded: 0, dropped: 0 }, 1])
  later(86_400)
  expect([await sweep(), await waiting()]).toEqual([{ recorded: 0, dropped: 1 }, 0])
  expect([await issued(), await news()]).toEqual([before, []])
})

test('what is refused, or surely was not sent, leaves nothing behind', async () => {
  await expect(burn(as('ada', newAgent()), { ...order, amount: 10n ** 15n })).rejects.toMatchObject({
    code: 'insufficient_funds',
  })
  const away = openTegClient({
    token: SERVICE_TOKEN,
    newId: newAgent,
    fetch: () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })),
  })
  await expect(mint(as('ada', newAgent(), { teg: away }), order)).rejects.toMatchObject({
    code: 'teg_unavailable',
  })
  expect([await waiting(), await news()]).toEqual([0, []])
})

test('another order under the same key is another order: it is refused, and the first keeps its record', async () => {
  const key = newAgent()
  await expect(mint(as('ada', key, dying()), order)).rejects.toThrow('dead')
  await expect(mint(as('bob', key), { ...order, amount: 3n })).rejects.toMatchObject({
    code: 'idempotency_key_reused',
  })
  later(61)
  expect(await sweep()).toEqual({ recorded: 1, dropped: 0 })
  expect((await news()).map(({ actor, after }) => [actor, after])).toEqual([
    ['operator:ada', expect.objectContaining({ amount: '2' })],
  ])
})
