/** The gate against the ledger in memory: random batches on few, tight accounts. SOAK_RUNS asks for more of them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatAmount, parseAmount } from '#core/base/amount.ts'
import type { Command, Outcome } from '#core/wire/teg.ts'
import { findFaults } from '#test/support/ledger-faults.ts'
import { Oracle, type Verdict } from '#test/support/ledger-oracle.ts'
import {
  anyCall,
  didOf,
  grant,
  newAgent,
  openAccount,
  refund,
  setStatus,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const RUNS = Number(process.env.SOAK_RUNS ?? 12)
const AGENTS = 5
const t = await startTeg()

const agent = fc.nat(AGENTS - 1)
const key = fc.nat(30)
const amount = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 100, max: 4_000_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 99, 100, 200, 201, 9_007_199_254_740_991) },
)
const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ op: fc.constant('transfer'), from: agent, to: agent, amount, key }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('refund'),
      of: fc.nat(),
      part: fc.option(amount),
      honest: fc.boolean(),
      key,
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('grant'), agent, amount, developer: fc.nat(6) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('status'),
      agent,
      sequence: fc.integer({ min: 1, max: 9 }),
      status: fc.constantFrom('open', 'open', 'frozen', 'closed'),
      heir: fc.option(agent),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('again'), of: fc.nat() }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Run {
  readonly agents: readonly string[]
  readonly developers: readonly string[]
  readonly oracle: Oracle
  readonly sent: Command[]
}

function toCommand(run: Run, asked: Step): Command {
  const name = (index: number) => run.agents[index] as string
  switch (asked.op) {
    case 'transfer': {
      const { from, to, amount, key } = asked as Extract<Step, { from: number }>
      const payee = key % 2 === 0 ? name(to) : didOf(name(to))
      return transfer(name(from), payee, formatAmount(BigInt(amount)), { key: `k${key}` })
    }
    case 'refund': {
      const { of, part, honest, key } = asked as Extract<Step, { honest: boolean }>
      const known = run.oracle.movements.filter((movement) => movement.id !== null)
      const movement = known[of % Math.max(1, known.length)]
      const by = honest && movement ? movement.payee : name(of % AGENTS)
      const text = part === null ? null : formatAmount(BigInt(part))
      return refund(by, movement?.id ?? newAgent(), text, { key: `k${key}` })
    }
    case 'grant': {
      const { agent, amount, developer } = asked as Extract<Step, { developer: number }>
      return grant(name(agent), formatAmount(BigInt(amount) % 5_000_000n), run.developers[developer])
    }
    case 'status': {
      const { agent, sequence, status, heir } = asked as Extract<Step, { sequence: number }>
      return setStatus(name(agent), sequence, status as 'open', heir === null ? null : name(heir))
    }
    default:
      return run.sent[(asked as { of: number }).of % Math.max(1, run.sent.length)] ?? grant(name(0), '1')
  }
}

/** The oracle knows agents by id. */
function byId(command: Command): Command {
  if (command.op !== 'transfer') return command
  return { ...command, to_agent: command.to_agent.split(':').at(-1) as string }
}

function seen(outcome: Outcome): Verdict {
  const { transfer: made, grant: given } = outcome
  const micro = (text?: string) => (text === undefined ? null : parseAmount(text))
  return {
    ok: outcome.ok,
    replayed: outcome.replayed,
    code: outcome.error?.code ?? null,
    amount: micro(made?.amount ?? given?.amount),
    fee: micro(made?.fee),
    left: micro(made?.balance_after),
  }
}

test('the gate answers as the ledger in memory does, and its tables hold every invariant', {
  timeout: 60_000 + RUNS * 5_000,
}, async () => {
  const counts = { all: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), {
        minLength: 4,
        maxLength: 12,
        size: 'max',
      }),
      async (batches) => {
        const agents = Array.from({ length: AGENTS }, newAgent)
        const developers = Array.from({ length: 7 }, newAgent)
        const run: Run = { agents, developers, oracle: new Oracle(), sent: [] }
        await t.client.commands(anyCall(), agents.map(openAccount))
        for (const id of agents) run.oracle.open(id)
        const first = agents.map((id) => grant(id, '5'))
        await t.client.commands(anyCall(), first)
        for (const command of first) run.oracle.apply(command)
        for (const batch of batches) {
          const commands = batch.map((asked) => toCommand(run, asked))
          const before = run.oracle.movements.length
          const expected = commands.map((command) => run.oracle.apply(byId(command)))
          const outcomes = await t.client.commands(anyCall(), commands)
          expect(outcomes.map(seen)).toEqual(expected)
          const made = outcomes.filter((outcome) => outcome.transfer && !outcome.replayed)
          for (const [i, movement] of run.oracle.movements.slice(before).entries())
            movement.id = made[i]?.transfer?.id as string
          run.sent.push(...commands)
          counts.all += outcomes.length
          counts.refused += outcomes.filter((outcome) => !outcome.ok).length
        }
        for (const [id, account] of run.oracle.accounts)
          expect(await t.available(id)).toBe(formatAmount(account.balance))
        expect(await findFaults(t.db)).toEqual([])
      },
    ),
    { numRuns: RUNS, endOnFailure: false, interruptAfterTimeLimit: 30_000 + RUNS * 4_000 },
  )
  // Tight accounts: a good part is refused, and a good part is not.
  expect(counts.refused / counts.all).toBeGreaterThan(0.2)
  expect(counts.refused / counts.all).toBeLessThan(0.7)
})
