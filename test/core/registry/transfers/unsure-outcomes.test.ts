import { beforeAll, describe, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { fail } from '#core/registry/teg-errors.ts'
import { submitBatch } from '#core/registry/transfers/submit-batch.ts'
import { submitTransfer } from '#core/registry/transfers/submit-transfer.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { registryContext } from '#test/support/context.ts'
import { type SeededAgent, seedAgent, seedGrant } from '#test/support/seed-agents.ts'
import { type System, startSystem } from '#test/support/system.ts'

let system: System
let owner: TestDeveloper
let payer: SeededAgent
let payee: SeededAgent
let caller: Caller

/** The TEG's real client, whose answers to commands get lost on the way back. */
const deafTo = (teg: TegClient): TegClient => ({
  ...teg,
  async command(call, command) {
    await teg.command(call, command)
    throw fail('outcome_unknown')
  },
  async commands(call, commands) {
    await teg.commands(call, commands)
    throw fail('outcome_unknown')
  },
})
const ctx = (key: string, parts: { teg?: TegClient; caller?: Caller } = {}) =>
  registryContext(system.registry, { caller, idempotencyKey: key, ...parts })
const order = (fields: object = {}) => ({
  from_agent: payer.id,
  to_agent: payee.id,
  amount: 5_000_000n,
  ...fields,
})
const available = async (agent: string) => (await system.registry.teg.balance(ctx('r'), agent))?.available

beforeAll(async () => {
  system = await startSystem()
  owner = await registerDeveloper(system)
  caller = {
    kind: 'developer',
    account: owner.account,
    email: owner.email,
    emailVerified: true,
    roles: [],
    scopes: null,
    session: 's',
    key: null,
  }
  payer = await seedAgent(system, owner.account)
  payee = await seedAgent(system, owner.account)
  await seedGrant(system, owner.account, payer.id, 100_000_000n)
  expect(await payGrant(registryContext(system.registry), owner.account)).toBe('granted')
})

describe('an answer lost between the commit and the caller', () => {
  test('is 504 outcome_unknown, and the same key brings the first outcome without a second effect', async () => {
    await expect(
      submitTransfer(ctx('lost', { teg: deafTo(system.registry.teg) }), order()),
    ).rejects.toMatchObject({ status: 504, code: 'outcome_unknown' })
    expect(await available(payer.id)).toBe('95')
    const again = await submitTransfer(ctx('lost'), order())
    expect(again.options).toEqual({ status: 201, replayed: true })
    expect(again.body.balance_after).toBe('95')
    expect(await available(payer.id)).toBe('95')
  })

  test('of a batch, every item is replayed', async () => {
    const batch = { transfers: [order({ amount: 1_000_000n }), order({ amount: 2_000_000n })] }
    await expect(
      submitBatch(ctx('lost-batch', { teg: deafTo(system.registry.teg) }), batch),
    ).rejects.toMatchObject({ code: 'outcome_unknown' })
    expect(await available(payer.id)).toBe('92')
    const again = await submitBatch(ctx('lost-batch'), batch)
    expect(again.options.replayed).toBe(true)
    expect(again.body.items.map(({ status }) => status)).toEqual(['completed', 'completed'])
    expect(await available(payer.id)).toBe('92')
  })
})

describe("an agent's key", () => {
  const agent = (limits: Extract<Caller, { kind: 'agent' }>['limits']): Caller => ({
    kind: 'agent',
    agent: payer.id,
    did: payer.did,
    account: owner.account,
    key: crypto.randomUUID(),
    scopes: ['transfers:write'],
    limits,
  })

  test('pays as its agent; for another agent, of the same owner too, it answers 403 not_owner', async () => {
    const self = agent(null)
    expect((await submitTransfer(ctx('a-1', { caller: self }), order())).options.status).toBe(201)
    await expect(
      submitTransfer(ctx('a-2', { caller: self }), order({ from_agent: payee.id, to_agent: payer.id })),
    ).rejects.toMatchObject({ status: 403, code: 'not_owner' })
  })

  test.each([
    ['beyond its limit per transfer', { perTransfer: 4_999_999n, perDay: null, allowedPayees: null }, false],
    ['at its limit per transfer', { perTransfer: 5_000_000n, perDay: null, allowedPayees: null }, true],
    ['beyond its limit per day', { perTransfer: null, perDay: 4_000_000n, allowedPayees: null }, false],
    ['to a payee that it may not pay', { perTransfer: null, perDay: null, allowedPayees: [] }, false],
  ])('a transfer %s', async (_title, limits, passes) => {
    const sent = submitTransfer(ctx(crypto.randomUUID(), { caller: agent(limits) }), order())
    if (passes) expect((await sent).body.status).toBe('completed')
    else await expect(sent).rejects.toMatchObject({ status: 422, code: 'limit_exceeded' })
  })
})

describe('the way to a gate that knows nobody yet', () => {
  test('a thousand payees without accounts are opened and paid in one batch', async () => {
    const ids = await Promise.all(Array.from({ length: 1000 }, () => seedAgent(system, owner.account)))
    const transfers = ids.map(({ id }) => order({ to_agent: id, amount: 1000n }))
    const { body } = await submitBatch(ctx('thousand'), { transfers })
    expect(new Set(body.items.map(({ status }) => status))).toEqual(new Set(['completed']))
    expect(await available(ids[999]?.id ?? '')).toBe('0.000995')
  })
})
