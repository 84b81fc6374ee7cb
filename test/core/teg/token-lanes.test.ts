/** Payment tokens over several gates at once: one winner for each token, no deadlock, every invariant. Real lanes on a server. */
import { beforeEach, expect, test } from 'vitest'
import type { Outcome } from '#core/wire/teg.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { countRuns, during } from '#test/support/ledger/prove-sequences.ts'
import { checkTokenLanes } from '#test/support/ledger/token-steps.ts'
import { watchGates } from '#test/support/ledger/watched-gates.ts'
import {
  anyCall,
  burn,
  cancelToken,
  expireToken,
  issueToken,
  mint,
  redeemToken,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const RUNS = countRuns(4)
const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
const gates = watchGates(t, true)
const { failures, openAgents, post } = gates
beforeEach(() => void failures.splice(0))
const codesOf = (outcomes: readonly Outcome[]) => outcomes.map((one) => one.error?.code ?? 'ok')

test('a token that is redeemed, cancelled and expired at once by all lanes ends once, and who lost is told how', async () => {
  const [payer, payee] = (await openAgents(2, '20')) as [string, string]
  const issued = await post(
    0,
    Array.from({ length: 12 }, (_, i) => issueToken(payer, payee, '1', { expires_in: i < 6 ? 60 : 1 })),
  )
  const ids = issued.map((outcome) => outcome.payment?.id as string)
  t.clock.advance(1000)
  const rivals = (id: string) => [
    [redeemToken(payee, id, '0.5')],
    [cancelToken(payer, id)],
    [redeemToken(payee, id)],
    [expireToken(payer, id)],
    [transfer(payer, payee, '0.0001'), cancelToken(payer, id)],
  ]
  const answers = await Promise.all(
    ids.map((id) => Promise.all(rivals(id).map((commands, i) => post(i, commands)))),
  )
  for (const [i, id] of ids.entries()) {
    const last = (answers[i] ?? []).map((outcomes) => outcomes.at(-1) as Outcome)
    const [one, two] = [last[0], last[2]] as [Outcome, Outcome]
    const status = (await t.client.payment(anyCall(), id))?.status
    expect([one, two].filter((outcome) => outcome.ok)).toHaveLength(status === 'redeemed' ? 1 : 0)
    for (const loser of [one, two].filter((outcome) => !outcome.ok))
      expect(loser.error?.code).toBe(`token_${status}`)
    if (i >= 6) expect(status).toBe('expired')
  }
  expect(failures).toEqual([])
  expect(await findFaults(t.db)).toEqual([])
})

test('the same redemption over all lanes has one outcome', async () => {
  const [payer, payee] = (await openAgents(2, '5')) as [string, string]
  const [issued] = await post(0, [issueToken(payer, payee, '3')])
  const command = redeemToken(payee, issued?.payment?.id as string, '2')
  const answers = (await Promise.all([0, 1, 2, 0, 1, 2].map((gate) => post(gate, [command])))).flat()
  expect(new Set(answers.map(({ replayed: _, ...rest }) => JSON.stringify(rest))).size).toBe(1)
  expect(answers.filter((outcome) => !outcome.replayed)).toHaveLength(1)
  expect(await t.available(payer)).toBe('3')
})

test('burns of the treasury over all lanes, while fees come in and deltas are folded, never take more than is there', async () => {
  const agents = await openAgents(4, '500')
  let running = true
  const folds = (async () => {
    while (running) await t.db.query('select teg.fold_deltas(3)')
  })()
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, i) =>
      post(i, [
        transfer(agents[i % 4] as string, agents[(i + 1) % 4] as string, '100'),
        burn(null, '0.4'),
        ...(i % 6 === 0 ? [mint(null, '0.3'), mint(agents[i % 4] as string, '1')] : []),
      ]),
    ),
  )
  running = false
  await folds
  const codes = new Set(codesOf(answers.flat()))
  expect([...codes].filter((code) => code !== 'ok' && code !== 'insufficient_funds')).toEqual([])
  expect(Number((await t.client.treasury(anyCall())).balance)).toBeGreaterThanOrEqual(0)
  expect(failures).toEqual([])
  expect(await findFaults(t.db)).toEqual([])
})

test(
  'random payments, tokens and burns over all lanes, while time goes on, never deadlock and lose nothing',
  during(RUNS),
  () => checkTokenLanes(t, gates, RUNS),
)
