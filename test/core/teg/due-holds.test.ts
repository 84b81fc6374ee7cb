/** Nothing is refused for funds that are held for a token whose time is over, however many such tokens there are. */
import { describe, expect, test } from 'vitest'
import type { Command, Outcome } from '#core/wire/teg.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { anyCall, burn, issueToken, refund, setStatus, startTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
const call = anyCall()
const code = (outcome: Outcome | undefined) => outcome?.error?.code ?? 'ok'
/** A payer with all that it has in tokens of 0.1 AVT whose time is over; `first` runs before they are issued. */
async function heldUp(tokens: number, first?: (payer: string, payee: string) => Promise<unknown>) {
  const payer = await t.open(String(tokens / 10))
  const payee = await t.open('1')
  const before = await first?.(payer, payee)
  for (let left = tokens; left > 0; left -= 1000) {
    const commands = Array.from({ length: Math.min(left, 1000) }, () =>
      issueToken(payer, payee, '0.1', { expires_in: 1 }),
    )
    expect(new Set((await t.client.commands(call, commands)).map(code))).toEqual(new Set(['ok']))
  }
  expect(await t.available(payer)).toBe('0')
  t.clock.advance(1000)
  expect(await t.available(payer)).toBe(String(tokens / 10))
  return { payer, payee, before }
}
const openOf = async (payer: string) =>
  (
    await t.db.query<{ count: bigint }>('select count(*) as count from teg.open_tokens where payer = $1', [
      payer,
    ])
  )[0]?.count

const limits = {
  key_id: '01900000-0000-7000-8000-00000000000f',
  per_transfer: null,
  per_day: null,
  allowed_payees: null,
}
type Make = (payer: string, payee: string, all: string, paid: string) => Command[]
const cases: [string, Make][] = [
  ['a plain transfer', (a, b, all) => [transfer(a, b, all)]],
  ['a transfer of a key with limits', (a, b, all) => [transfer(a, b, all, { limits })]],
  ['two transfers', (a, b, all) => [transfer(a, b, '0.5'), transfer(a, b, String(Number(all) - 0.5))]],
  [
    'a linked group',
    (a, b, all) => [
      transfer(a, b, '0.5', { linked: true }),
      transfer(a, b, String(Number(all) - 0.5), { linked: true }),
      transfer(b, a, '0.1'),
    ],
  ],
  ['an issue', (a, b, all) => [issueToken(a, b, all)]],
  ['a refund', (a, _b, _all, paid) => [refund(a, paid, null)]],
  ['a burn', (a, _b, all) => [burn(a, all)]],
  ['a closing', (a, b) => [setStatus(a, 1, 'closed', b)]],
]

describe.each([150, 1_200])('with %i holds that are due', (tokens) => {
  test.each(cases)('%s that needs them all is done', async (_name, make) => {
    const { payer, payee, before } = await heldUp(tokens, async (to, from) => {
      const paid = await t.run(transfer(from, to, '0.5'))
      await t.run(transfer(to, from, paid.transfer?.net as string))
      return paid.transfer?.id
    })
    const outcomes = await t.client.commands(call, make(payer, payee, String(tokens / 10), before as string))
    expect(outcomes.map(code)).toEqual(outcomes.map(() => 'ok'))
    expect(await findFaults(t.db)).toEqual([])
  })

  test('one that needs more is refused for what there really is, once nothing is due', async () => {
    const { payer, payee } = await heldUp(tokens)
    const command = transfer(payer, payee, String(tokens / 10 + 1))
    const refused = await t.run(command)
    expect(refused.error).toMatchObject({
      code: 'insufficient_funds',
      detail: expect.stringContaining(`has ${tokens / 10} AVT`),
    })
    expect(await openOf(payer)).toBe(0n)
    expect(await t.run(command)).toEqual({ ...refused, replayed: true })
  })
})

test('who needs little has a hundred voided and waits for no more', async () => {
  const { payer, payee } = await heldUp(150)
  expect(code(await t.run(transfer(payer, payee, '0.5')))).toBe('ok')
  expect(await openOf(payer)).toBe(50n)
})

test('no more are voided than it takes', async () => {
  const { payer, payee } = await heldUp(300)
  expect(code(await t.run(transfer(payer, payee, '20')))).toBe('ok')
  expect(await openOf(payer)).toBe(100n)
})

test('more than one batch has numbers for: they are voided in batches ahead of it, and it is done', async () => {
  const { payer, payee } = await heldUp(5_200)
  const other = await heldUp(150)
  const outcomes = await t.client.commands(call, [
    transfer(other.payer, payee, '15'),
    transfer(payer, payee, '500', { linked: true }),
    transfer(payer, payee, '20'),
    transfer(payer, payee, '0.1'),
  ])
  expect(outcomes.map(code)).toEqual(['ok', 'ok', 'ok', 'insufficient_funds'])
  expect(outcomes.map(({ replayed }) => replayed)).toEqual([false, false, false, false])
  expect([await openOf(payer), await openOf(other.payer)]).toEqual([0n, 0n])
  expect(await findFaults(t.db)).toEqual([])
})

test('a batch whose numbers for voids run out refuses nobody whose funds are due', async () => {
  const { payer, payee } = await heldUp(5_200)
  // Each small transfer voids a hundred, or what it needs: the last one meets a batch that has no number left.
  const small = Array.from({ length: 52 }, () => transfer(payer, payee, '0.1'))
  const outcomes = await t.client.commands(call, [...small, transfer(payer, payee, '514.7')])
  expect(new Set(outcomes.map(code))).toEqual(new Set(['ok']))
  expect(await findFaults(t.db)).toEqual([])
}, 120_000)

test('a payer whose own time is ahead of the clock has its holds voided by that time', async () => {
  const { payer, payee } = await heldUp(5_200)
  // What was due a moment ago is not due by the clock that was put back; by the account's own time it is.
  expect(code(await t.run(transfer(payer, payee, '0.1')))).toBe('ok')
  t.clock.advance(-120_000)
  const paid = await t.run(transfer(payer, payee, '515'))
  t.clock.advance(120_000)
  expect(code(paid)).toBe('ok')
  expect(await findFaults(t.db)).toEqual([])
}, 120_000)
