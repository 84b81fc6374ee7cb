/** Fences: the gate keeps the highest epoch of a task, by (incarnation, counter), and a lower holder does nothing more. */
import { expect, test } from 'vitest'
import type { Outcome, TaskFence } from '#core/wire/teg.ts'
import {
  anyCall,
  expireToken,
  grant,
  issueToken,
  newAgent,
  openAccount,
  setStatus,
  startTeg,
} from '#test/support/teg.ts'

const t = await startTeg()
const call = anyCall()
const fence = (task: string, incarnation: number, epoch: string): TaskFence => ({
  task,
  incarnation,
  epoch,
  slot: '2026-11-24T12:00:00.000Z',
})
const code = (outcome: Outcome | undefined) => outcome?.error?.code ?? 'ok'
const openOnly = async () => {
  const agent = newAgent()
  await t.run(openAccount(agent))
  return agent
}

test.each([
  [1, '999999999999999999', 'stale_epoch'],
  [2, '9', 'stale_epoch'],
  [2, '10', 'ok'],
  [2, '11', 'ok'],
  [3, '1', 'ok'],
] as const)('after (2, 10) the epoch (%i, %s) is %s', async (incarnation, epoch, wanted) => {
  const task = `task_${incarnation}_${epoch}`
  const agent = await openOnly()
  const give = (at: TaskFence) => t.run({ ...grant(agent, '1'), fence: at })
  expect(code(await give(fence(task, 2, '10')))).toBe('ok')
  expect(code(await give(fence(task, incarnation, epoch)))).toBe(wanted)
})

test('inside one batch a newer holder stops the older one from its place on, task by task', async () => {
  const agent = await openOnly()
  const give = (task: string, epoch: string) => ({ ...grant(agent, '1'), fence: fence(task, 1, epoch) })
  const outcomes = await t.client.commands(call, [
    give('sweep', '5'),
    give('sweep', '6'),
    give('sweep', '5'),
    give('other', '5'),
    grant(agent, '1'),
  ])
  expect(outcomes.map(code)).toEqual(['ok', 'ok', 'stale_epoch', 'ok', 'ok'])
})

test('a stale command is not kept: a newer holder runs it; a known key gets its first answer from any holder', async () => {
  const agent = await openOnly()
  const command = grant(agent, '1')
  await t.run({ ...grant(agent, '1'), fence: fence('keep', 1, '8') })
  const stale = await t.run({ ...command, fence: fence('keep', 1, '7') })
  expect(stale).toMatchObject({ ok: false, replayed: false, error: { code: 'stale_epoch' } })
  const done = await t.run({ ...command, fence: fence('keep', 1, '8') })
  expect(code(done)).toBe('ok')
  expect(await t.run({ ...command, fence: fence('keep', 1, '7') })).toEqual({ ...done, replayed: true })
})

test('a stale holder changes no status and voids no token; what is done already is answered as it is', async () => {
  const [payer, payee] = [await t.open('5'), await t.open()]
  const id = (await t.run(issueToken(payer, payee, '1', { expires_in: 1 }))).payment?.id as string
  t.clock.advance(1000)
  await t.run({ ...setStatus(payee, 1, 'open'), fence: fence('expiry', 1, '2') })
  expect(code(await t.run(expireToken(payer, id, fence('expiry', 1, '1'))))).toBe('stale_epoch')
  expect(code(await t.run({ ...setStatus(payee, 2, 'frozen'), fence: fence('expiry', 1, '1') }))).toBe(
    'stale_epoch',
  )
  expect((await t.client.expiredPayments(call, 10)).items).toHaveLength(1)
  expect(await t.run(expireToken(payer, id, fence('expiry', 1, '2')))).toMatchObject({
    ok: true,
    replayed: false,
    payment: { status: 'expired' },
  })
  expect(await t.run(expireToken(payer, id, fence('expiry', 1, '1')))).toMatchObject({
    ok: true,
    replayed: true,
  })
})
