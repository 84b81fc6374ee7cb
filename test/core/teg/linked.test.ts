/** Linked groups: whole or not at all inside the batch; who stands beside one is not touched. */
import { expect, test } from 'vitest'
import { silentLog } from '#core/platform/log.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { anyCall, grant, newAgent, startTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg()
const call = anyCall()
const linked = { linked: true }
const codes = (outcomes: readonly Outcome[]) => outcomes.map((outcome) => outcome.error?.code ?? 'ok')
const three = async () => [await t.open('10'), await t.open('1'), await t.open()] as const

test('a group in which one is refused leaves nothing; that one keeps its own code, all others have linked_failed', async () => {
  const [a, b, c] = await three()
  const commands = [
    transfer(a, b, '1'),
    transfer(a, b, '2', linked),
    transfer(b, c, '2.5', linked),
    transfer(c, a, '99', linked),
    transfer(a, c, '1'),
    transfer(a, c, '3'),
  ]
  const before = await t.client.supply(call)
  const outcomes = await t.client.commands(call, commands)
  expect(codes(outcomes)).toEqual([
    'ok',
    'linked_failed',
    'linked_failed',
    'insufficient_funds',
    'linked_failed',
    'ok',
  ])
  expect(await Promise.all([a, b, c].map(t.available))).toEqual(['6', '1.995', '2.985'])
  expect(await t.client.commands(call, commands)).toEqual(outcomes.map((one) => ({ ...one, replayed: true })))
  expect(await t.client.supply(call)).toEqual(before)
  const page = await t.client.statement(call, a, { limit: 10 })
  expect(page?.items.map((item) => item.sequence)).toEqual([3, 2, 1])
  expect(await findFaults(t.db)).toEqual([])
})

test('a group that fits happens whole: each command sees the ones before it, and its replay is the same', async () => {
  const [a, b, c] = await three()
  const commands = [transfer(a, b, '10', linked), transfer(b, c, '10', linked), transfer(c, a, '9')]
  const outcomes = await t.client.commands(call, commands)
  expect(codes(outcomes)).toEqual(['ok', 'ok', 'ok'])
  expect(await t.client.commands(call, commands)).toEqual(outcomes.map((one) => ({ ...one, replayed: true })))
})

test('groups side by side are judged one by one', async () => {
  const [a, b, c] = await three()
  const outcomes = await t.client.commands(call, [
    transfer(a, b, '1', linked),
    transfer(c, b, '1'),
    transfer(a, c, '1', linked),
    transfer(c, b, '0.5'),
    transfer(a, b, '99', linked),
    transfer(a, b, '1'),
  ])
  expect(codes(outcomes)).toEqual([
    'linked_failed',
    'insufficient_funds',
    'ok',
    'ok',
    'insufficient_funds',
    'linked_failed',
  ])
  expect(await findFaults(t.db)).toEqual([])
})

test('a key that was refused before makes its group fail; one that moved before does not', async () => {
  const [a, b] = await three()
  const refused = transfer(a, b, '99')
  const done = transfer(a, b, '1')
  await t.client.commands(call, [refused, done])
  const bad = await t.client.commands(call, [transfer(a, b, '1', linked), refused])
  expect(codes(bad)).toEqual(['linked_failed', 'insufficient_funds'])
  const good = await t.client.commands(call, [{ ...done, ...linked }, transfer(a, b, '1')])
  expect(codes(good)).toEqual(['ok', 'ok'])
  expect(good.map((one) => one.replayed)).toEqual([true, false])
  expect(await t.available(a)).toBe('8')
})

test('a limit that the group would have used up is free again when it fails', async () => {
  const [a, b] = await three()
  const limits = { key_id: newAgent(), per_transfer: null, per_day: '2', allowed_payees: null }
  const outcomes = await t.client.commands(call, [
    transfer(a, b, '2', { limits, ...linked }),
    transfer(a, newAgent(), '1'),
    transfer(a, b, '2', { limits }),
    transfer(a, b, '0.5', { limits }),
  ])
  expect(codes(outcomes)).toEqual(['linked_failed', 'agent_not_found', 'ok', 'limit_exceeded'])
})

test('a transfer linked to something else is refused, with all that are linked to it', async () => {
  const [a, b] = await three()
  const outcomes = await t.client.commands(call, [
    transfer(a, b, '1', linked),
    transfer(a, b, '1', linked),
    grant(a, '1'),
  ])
  expect(codes(outcomes)).toEqual(['linked_failed', 'linked_failed', 'ok'])
})

test('the last command of a call can be linked to nothing: neither client nor TEG takes it', async () => {
  const [a, b] = await three()
  const open = transfer(a, b, '1', linked)
  await expect(t.client.commands(call, [open])).rejects.toMatchObject({ code: 'internal_error' })
  await expect(t.teg.gate.post([Command.parse(open)])).rejects.toThrow('linked to nothing')
  const request = new Request('http://teg/commands', {
    method: 'POST',
    headers: {
      authorization: 'Bearer service-token-for-tests-0123456789',
      'content-type': 'application/json',
    },
    body: JSON.stringify({ commands: [open] }),
  })
  expect((await t.fetch(request)).status).toBe(400)
  expect(await t.available(a)).toBe('10')
})

test('a batch that is halved for a poisoned command cuts no group', async () => {
  const [a, b] = await three()
  const gate = openGate({ db: t.db, clock: t.clock, newId: newAgent, log: silentLog })
  const poison = { memo: 'NUL \u0000' }
  const commands = [
    transfer(a, b, '1', linked),
    transfer(a, b, '1', linked),
    transfer(a, b, '1', poison),
    transfer(a, b, '1', linked),
    transfer(a, b, '1'),
  ].map((command) => ({ ...Command.parse({ ...command, memo: null }), memo: command.memo }))
  const outcomes = await gate.post(commands)
  expect(codes(outcomes)).toEqual(['internal_error', 'internal_error', 'internal_error', 'ok', 'ok'])
  expect(await t.available(a)).toBe('8')
  expect(await findFaults(t.db)).toEqual([])
})
