/** Payments, payment tokens and burns over all lanes at once, while time goes on. */
import fc from 'fast-check'
import { expect } from 'vitest'
import {
  burn,
  cancelToken,
  expireToken,
  issueToken,
  redeemToken,
  type TestTeg,
  transfer,
} from '#test/support/teg.ts'
import { proveSequences } from './prove-sequences.ts'
import type { WatchedGates } from './watched-gates.ts'

const AGENTS = 6
/** Acts that are under way at the same time. */
const AT_ONCE = 6
const agent = fc.nat(AGENTS - 1)
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
const sequences = fc.array(act, { minLength: 12, maxLength: 30, size: 'max' })
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never
interface Token {
  readonly id: string
  readonly payer: string
  readonly payee: string
}

function toCommand(
  step: Act['steps'][number],
  beforePay: boolean,
  agents: readonly string[],
  tokens: Token[],
) {
  const [from, to] = [agents[step.from] as string, agents[step.to] as string]
  const avt = (step.part / 1_000_000).toFixed(6)
  const token = tokens[step.of % Math.max(1, tokens.length)]
  if (step.kind === 'issue') return issueToken(from, to, avt, { expires_in: 1 + (step.of % 3) })
  if (step.kind === 'burn') return burn(from, '0.01')
  if (step.kind === 'pay') return transfer(from, to, avt, step.linked && beforePay ? { linked: true } : {})
  if (!token) return transfer(from, to, avt)
  if (step.kind === 'redeem') return redeemToken(token.payee, token.id, step.linked ? null : avt)
  return step.kind === 'cancel' ? cancelToken(token.payer, token.id) : expireToken(token.payer, token.id)
}

/** Nothing meets a deadlock, and nothing is lost. */
export async function checkTokenLanes(t: TestTeg, gates: WatchedGates, runs: number): Promise<void> {
  const done: Record<string, number> = {}
  await proveSequences(t.db, sequences, runs, async (acts) => {
    const agents = await gates.openAgents(AGENTS, '2')
    const tokens: Token[] = []
    const run = async ({ gate, steps }: Act) => {
      const commands = steps.map((step, i) => toCommand(step, steps[i + 1]?.kind === 'pay', agents, tokens))
      const outcomes = await gates.post(gate, commands)
      for (const [i, command] of commands.entries()) {
        if (!outcomes[i]?.ok) continue
        done[command.op] = (done[command.op] ?? 0) + 1
        if (command.op === 'issue_token')
          tokens.push({
            id: outcomes[i]?.payment?.id as string,
            payer: command.payer_agent,
            payee: command.payee_agent,
          })
      }
    }
    for (let at = 0; at < acts.length; at += AT_ONCE) {
      await Promise.all(acts.slice(at, at + AT_ONCE).map(run))
      t.clock.advance(600)
    }
    expect(gates.failures).toEqual([])
  })
  // Of each a good number goes through, in the mean of sequences far more than one.
  for (const op of ['transfer', 'issue_token', 'redeem_token', 'cancel_token', 'expire_token', 'burn'])
    expect(done[op] ?? 0, op).toBeGreaterThan(runs / 4)
}
