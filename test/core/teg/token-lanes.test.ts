/** Payment tokens over several gates at once: one winner for each token, no deadlock, every invariant. Real lanes on a server. */
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { silentLog } from '#core/platform/log.ts'
import { type Gate, openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { withMethods } from '#test/support/database.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import {
  anyCall,
  burn,
  cancelToken,
  expireToken,
  grant,
  issueToken,
  mint,
  newAgent,
  openAccount,
  redeemToken,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const RUNS = Math.ceil(Number(process.env.SOAK_RUNS ?? (process.env.TEST_DATABASE_URL ? 40 : 8)) / 2)
const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
const failures: unknown[] = []
/** The short way's word that a payer has due holds: no failure, the gate goes on by the long way, which voids them. */
const DUE = 'teg.open_tokens: some are due'
/** The database, with each failed statement noted: a deadlock that a retry got over must not stay unseen. */
const watched = withMethods(t.db, {
  query: (text, params, options) =>
    t.db.query(text, params, options).catch((error) => {
      if ((error as Error).message !== DUE) failures.push(error)
      throw error
    }) as never,
})
beforeEach(() => void failures.splice(0))
const gates: Gate[] = [0, 1, 2].map(() =>
  openGate({ db: watched, clock: t.clock, newId: newAgent, log: silentLog, minting: true }),
)
const post = async (gate: number, commands: readonly object[]): Promise<Outcome[]> =>
  (gates[gate % gates.length] as Gate).post(commands.map((command) => Command.parse(command)))
const codesOf = (outcomes: readonly Outcome[]) => outcomes.map((one) => one.error?.code ?? 'ok')

async function openAgents(count: number, avt: string): Promise<string[]> {
  const agents = Array.from({ length: count }, newAgent)
  await t.client.commands(
    anyCall(),
    agents.flatMap((agent) => [openAccount(agent), grant(agent, avt)]),
  )
  return agents
}

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

const agent = fc.nat(5)
const act = fc.record({
  gate: fc.nat(2),
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom('pay', 'pay', 'issue', 'redeem', 'cancel', 'expire', 'burn'),
      from: agent,
      to: agent,
      of: fc.nat(),
      part: fc.integer({ min: 100, max: 900_000 }),
      linked: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  ),
})

test(
  'random payments, tokens and burns over all lanes, while time goes on, never deadlock and lose nothing',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 12, maxLength: 30, size: 'max' }), async (acts) => {
        const agents = await openAgents(6, '2')
        const name = (index: number) => agents[index] as string
        const tokens: { id: string; payer: string; payee: string }[] = []
        const run = async ({ gate, steps }: (typeof acts)[number]) => {
          const commands = steps.map((step, i) => {
            const avt = (step.part / 1_000_000).toFixed(6)
            const token = tokens[step.of % Math.max(1, tokens.length)]
            const next = steps[i + 1]?.kind === 'pay'
            if (step.kind === 'issue')
              return issueToken(name(step.from), name(step.to), avt, { expires_in: 1 + (step.of % 3) })
            if (step.kind === 'burn') return burn(name(step.from), '0.01')
            if (!token || step.kind === 'pay')
              return transfer(
                name(step.from),
                name(step.to),
                avt,
                step.linked && next && step.kind === 'pay' ? { linked: true } : {},
              )
            if (step.kind === 'redeem') return redeemToken(token.payee, token.id, step.linked ? null : avt)
            return step.kind === 'cancel'
              ? cancelToken(token.payer, token.id)
              : expireToken(token.payer, token.id)
          })
          const outcomes = await post(gate, commands)
          for (const [i, command] of commands.entries())
            if (command.op === 'issue_token' && outcomes[i]?.ok)
              tokens.push({
                id: outcomes[i]?.payment?.id as string,
                payer: command.payer_agent,
                payee: command.payee_agent,
              })
        }
        for (let at = 0; at < acts.length; at += 6) {
          await Promise.all(acts.slice(at, at + 6).map(run))
          t.clock.advance(600)
        }
        expect(failures).toEqual([])
        expect(await findFaults(t.db)).toEqual([])
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 30_000 + RUNS * 4_000 },
    )
  },
  90_000 + RUNS * 5_000,
)
