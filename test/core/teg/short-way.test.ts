/** The gate's short way against its long way: the same batches on twin agents have the same outcomes and leave the same books. */
import { expect, test } from 'vitest'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { countRuns, during } from '#test/support/ledger/prove-sequences.ts'
import { checkTwins } from '#test/support/ledger/twin-steps.ts'
import { openTwins } from '#test/support/ledger/twins.ts'
import { newAgent, startTeg, transfer } from '#test/support/teg.ts'

const RUNS = countRuns(20)
const t = await startTeg()
const twins = openTwins(t)
const { calls, openTwin } = twins

test(
  'batches of plain transfers have the same outcomes and leave the same rows on both ways',
  during(RUNS),
  () => checkTwins(t, twins, RUNS),
)

test('a known key takes the long way, gets its first outcome, and so do some batches after it', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  const post = async (key: string) =>
    (await gate.post([Command.parse(transfer(from, to, '0.1', { key }))]))[0] as Outcome
  const first = await post('one')
  calls.short = calls.long = 0
  expect(await post('one')).toEqual({ ...first, replayed: true })
  expect(calls).toEqual({ short: 1, long: 1 })
  for (let i = 0; i < 9; i++) expect((await post(`new-${i}`)).ok).toBe(true)
  expect(calls).toEqual({ short: 2, long: 9 })
  expect(await t.available(from)).toBe('4')
})

test('plain transfers that wait beside a command of another kind go by themselves, and both are done', async () => {
  const { agents, gate } = await openTwin(true)
  const [from, to] = agents as [string, string]
  calls.short = calls.long = 0
  const limits = { key_id: newAgent(), per_transfer: '1', per_day: null, allowed_payees: null }
  const outcomes = await Promise.all(
    [transfer(from, to, '1'), transfer(from, to, '2', { limits }), transfer(from, to, '1')].map((command) =>
      gate.post([Command.parse(command)]),
    ),
  )
  expect(outcomes.map(([outcome]) => outcome?.error?.code ?? 'ok')).toEqual(['ok', 'limit_exceeded', 'ok'])
  expect(calls).toEqual({ short: 1, long: 1 })
  expect(await t.available(from)).toBe('3')
})
