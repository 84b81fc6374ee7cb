/** Each reply carries the balance after it, and a repeat the same one, whatever has happened since. */
import { expect, test } from 'vitest'
import type { Command, Outcome } from '#core/wire/teg.ts'
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
  setStatus,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
const pair = async () => [await t.open('10'), await t.open('5')] as const
const told = ({ balance_after, transfer: made }: Outcome) => balance_after ?? made?.balance_after
const issued = async (payer: string, payee: string, amount: string, expires_in = 600) =>
  (await t.run(issueToken(payer, payee, amount, { expires_in }))).payment?.id as string

/** Makes a command of an agent that has holds, and tells who acts. */
type Made = { command: Command; acting: string; after?: () => void }
const cases: [string, (payer: string, payee: string) => Promise<Made>][] = [
  ['transfer', async (a, b) => ({ command: transfer(a, b, '1'), acting: a })],
  ['issue', async (a, b) => ({ command: issueToken(a, b, '1'), acting: a })],
  [
    'redemption in part',
    async (a, b) => ({ command: redeemToken(a, await issued(b, a, '2'), '1'), acting: a }),
  ],
  ['cancellation', async (a, b) => ({ command: cancelToken(a, await issued(a, b, '2')), acting: a })],
  [
    'expiry',
    async (a, b) => {
      const command = expireToken(a, await issued(a, b, '2', 30))
      t.clock.advance(30_000)
      return { command, acting: a }
    },
  ],
  ['grant', async (a) => ({ command: grant(a, '3'), acting: a })],
  ['mint', async (a) => ({ command: mint(a, '3'), acting: a })],
  ['burn', async (a) => ({ command: burn(a, '3'), acting: a })],
]

test.each(cases)(
  'the reply of a %s tells what the one that acts has available after it',
  async (_op, make) => {
    const [payer, payee] = await pair()
    await issued(payer, payee, '0.5')
    const { command, acting } = await make(payer, payee)
    const first = await t.run(command)
    expect(first).toMatchObject({ ok: true, replayed: false })
    expect(told(first)).toBe(await t.available(acting))
    await t.run(transfer(payer, payee, '0.25'))
    await issued(payer, payee, '0.125')
    expect(await t.run(command)).toEqual({ ...first, replayed: true })
    expect(told(first)).not.toBe(await t.available(acting))
  },
)

test('in one batch each reply tells the balance behind its own command', async () => {
  const [payer, payee] = await pair()
  const one = await issued(payer, payee, '1')
  const two = await issued(payer, payee, '2')
  const again = redeemToken(payee, one)
  const outcomes = await t.client.commands(anyCall(), [
    issueToken(payer, payee, '4'),
    again,
    transfer(payer, payee, '1'),
    again,
    cancelToken(payer, two),
    cancelToken(payer, two),
  ])
  expect(outcomes.map(told)).toEqual(['3', '5.995', '2', '5.995', '4', '4'])
})

test('a refusal, an opening, a status and the treasury tell none', async () => {
  const [payer, payee] = await pair()
  const agent = newAgent()
  const outcomes = await t.client.commands(anyCall(), [
    openAccount(agent),
    setStatus(payee, 1, 'frozen'),
    issueToken(payer, payee, '1'),
    mint(null, '2'),
    burn(null, '1'),
  ])
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, true, false, true, true])
  expect(outcomes.flatMap((one) => told(one) ?? [])).toEqual([])
})

test('whoever ends a token that another command has ended is not told the balance of that moment', async () => {
  const [payer, payee] = await pair()
  const id = await issued(payer, payee, '1', 30)
  await t.run(cancelToken(payer, id))
  t.clock.advance(30_000)
  const late = await t.run(expireToken(payer, id))
  expect(late).toMatchObject({ ok: true, replayed: true, payment: { status: 'cancelled' } })
  expect(told(late)).toBeUndefined()
})

test('a repeat of an outcome that is older than the field tells none', async () => {
  const [payer, payee] = await pair()
  const command = issueToken(payer, payee, '1')
  const first = await t.run(command)
  await t.db.query('alter table teg.moves disable trigger refuse_change')
  await t.db.query('update teg.moves set available = null')
  await t.db.query('alter table teg.moves enable trigger refuse_change')
  const { balance_after: _, ...rest } = first
  expect(await t.run(command)).toEqual({ ...rest, replayed: true })
})
