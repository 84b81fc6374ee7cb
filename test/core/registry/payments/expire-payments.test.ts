/** The expiry task with more tokens than one batch, and than one run, may take. */
import { expect, test } from 'vitest'
import { expirePayments } from '#core/registry/payments/expire-payments.ts'
import { registryContext } from '#test/support/context.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { startSystem } from '#test/support/system.ts'
import { grant, issueToken, newAgent, openAccount } from '#test/support/teg.ts'

/** Tokens of a batch and batches of a run, as the task has them. */
const BATCH_MAX = 500
const ROUNDS_MAX = 40
const PAYERS = 50

const system = await startSystem()
const ctx = () => registryContext(system.registry)
const payers = Array.from({ length: PAYERS }, newAgent)
const payee = newAgent()
const teg = system.registry.teg
await teg.commands(ctx(), [
  openAccount(payee),
  ...payers.flatMap((agent) => [openAccount(agent), grant(agent, '1000')]),
])

/** Payers in turn promise 0.01 AVT each time. */
async function issue(count: number, expires_in: number): Promise<void> {
  const outcomes = await teg.commands(
    ctx(),
    Array.from({ length: count }, (_, i) =>
      issueToken(payers[i % PAYERS] as string, payee, '0.01', { expires_in }),
    ),
  )
  expect(outcomes.filter(({ ok }) => !ok)).toEqual([])
}
const countHeld = async () => {
  const [row] = await system.registry.db.query<{ tokens: number; held: bigint }>(
    `select (select count(*)::integer from teg.open_tokens) as tokens, sum(a.held)::bigint as held from teg.accounts a`,
  )
  expect(row?.held).toBe(BigInt(row?.tokens ?? 0) * 10_000n)
  return row?.tokens
}

test('takes batch after batch until none is due, the last one not full, and leaves what is not due', async () => {
  await issue(2 * BATCH_MAX + 37, 60)
  await issue(5, 3_600)
  system.clock.advance(61_000)
  expect(await expirePayments(ctx())).toEqual({ expired: 2 * BATCH_MAX + 37, refused: 0 })
  expect(await countHeld()).toBe(5)
  expect(await expirePayments(ctx())).toEqual({ expired: 0, refused: 0 })
  expect(await findFaults(system.registry.db)).toEqual([])
})

test('a run that is to end takes no further batch', async () => {
  await issue(3, 60)
  system.clock.advance(61_000)
  expect(await expirePayments(registryContext(system.registry, { signal: AbortSignal.abort() }))).toEqual({
    expired: 0,
    refused: 0,
  })
  expect(await countHeld()).toBe(5 + 3)
  expect(await expirePayments(ctx())).toEqual({ expired: 3, refused: 0 })
})

// 20,000 tokens: a minute of the embedded engine, a few seconds of a server.
test.skipIf(system.registry.db.kind !== 'pg')(
  'ends at its bound of batches, and the next run voids what is left, to the last hold',
  async () => {
    const most = BATCH_MAX * ROUNDS_MAX
    for (let left = most + 3; left > 0; left -= 4_000) await issue(Math.min(left, 4_000), 60)
    system.clock.advance(61_000)
    expect(await expirePayments(ctx())).toEqual({ expired: most, refused: 0 })
    expect(await countHeld()).toBe(5 + 3)
    expect(await expirePayments(ctx())).toEqual({ expired: 3, refused: 0 })
    expect(await countHeld()).toBe(5)
    expect(await findFaults(system.registry.db)).toEqual([])
  },
  300_000,
)
