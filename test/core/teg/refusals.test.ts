/** One row per refusal of the gate: code, words, and that a stored one is permanent for its key. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Command, gateErrors } from '#core/wire/teg.ts'
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
  refund,
  setStatus,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const t = await startTeg()
const all: Record<string, string> = {}
let paid = ''
let paidBack = ''
let granted = ''
const DEVELOPER = newAgent()

beforeAll(async () => {
  for (const [name, avt] of Object.entries({ rich: '1000', poor: '1', other: '5', later: '10' }))
    all[name] = await t.open(avt)
  all.frozen = await t.open('5')
  await t.run(setStatus(all.frozen, 2, 'frozen'))
  all.closed = await t.open()
  await t.run(setStatus(all.closed, 2, 'closed'))
  const first = await t.run(transfer(a('rich'), a('other'), '100'))
  paid = first.transfer?.id as string
  paidBack = (await t.run(refund(a('other'), paid, '20'))).transfer?.id as string
  await t.run(grant(a('other'), '1', DEVELOPER))
  const issue = async (expires_in = 600) =>
    (await t.run(issueToken(a('rich'), a('other'), '2', { expires_in }))).payment?.id as string
  for (const name of ['held', 'redeemed', 'cancelled']) tokens[name] = await issue()
  tokens.expired = await issue(1)
  tokens.ofFrozen = (await t.run(issueToken(a('later'), a('other'), '1'))).payment?.id as string
  await t.run(setStatus(a('later'), 2, 'frozen'))
  await t.run(redeemToken(a('other'), token('redeemed')))
  await t.run(cancelToken(a('rich'), token('cancelled')))
  t.clock.advance(1000)
  granted = (await t.client.statement(anyCall(), a('poor'), { limit: 1 }))?.items[0]?.transfer_id as string
})

const a = (name: string) => all[name] as string
const tokens: Record<string, string> = {}
const token = (name: string) => tokens[name] as string
const keyOf = (limits: { per_transfer?: string; per_day?: string; allowed_payees?: string[] }) => ({
  key_id: newAgent(),
  per_transfer: null,
  per_day: null,
  allowed_payees: null,
  ...limits,
})
const quote = (more: object) => ({
  matches: true,
  fee_snapshot: '1',
  valid_until: '2026-11-24T12:00:01.000Z',
  ...more,
})

/** name, code, kept for the key, command */
const rows: [string, keyof typeof gateErrors, boolean, () => Command][] = [
  ['amount 0', 'amount_out_of_range', true, () => transfer(a('rich'), a('other'), '0')],
  ['amount below 0.0001', 'amount_out_of_range', true, () => transfer(a('rich'), a('other'), '0.000099')],
  [
    'amount above 2^53 - 1',
    'amount_out_of_range',
    true,
    () => transfer(a('rich'), a('other'), '9007199254.740992'),
  ],
  ['unknown payer', 'agent_not_found', false, () => transfer(newAgent(), a('other'), '1')],
  ['unknown payee by id', 'agent_not_found', true, () => transfer(a('rich'), newAgent(), '1')],
  [
    'unknown payee by did',
    'agent_not_found',
    true,
    () => transfer(a('rich'), 'did:web:elsewhere.example:x', '1'),
  ],
  ['payment to itself', 'same_agent', true, () => transfer(a('rich'), a('rich'), '1')],
  ['frozen payer', 'agent_not_active', true, () => transfer(a('frozen'), a('other'), '1')],
  ['frozen payee', 'agent_not_active', true, () => transfer(a('rich'), a('frozen'), '1')],
  ['closed payee', 'agent_not_active', true, () => transfer(a('rich'), a('closed'), '1')],
  [
    'bad quote',
    'quote_mismatch',
    true,
    () => transfer(a('rich'), a('other'), '1', { quote: quote({ matches: false }) }),
  ],
  [
    'quote of no snapshot',
    'quote_mismatch',
    true,
    () => transfer(a('rich'), a('other'), '1', { quote: quote({ fee_snapshot: '99' }) }),
  ],
  [
    'late quote',
    'quote_expired',
    true,
    () => transfer(a('rich'), a('other'), '1', { quote: quote({ valid_until: '2026-11-24T11:59:59.999Z' }) }),
  ],
  [
    'more than per_transfer',
    'limit_exceeded',
    true,
    () => transfer(a('rich'), a('other'), '2', { limits: keyOf({ per_transfer: '1.999999' }) }),
  ],
  [
    'more than per_day',
    'limit_exceeded',
    true,
    () => transfer(a('rich'), a('other'), '2', { limits: keyOf({ per_day: '1.999999' }) }),
  ],
  [
    'payee that the key may not pay',
    'limit_exceeded',
    true,
    () => transfer(a('rich'), a('other'), '2', { limits: keyOf({ allowed_payees: [a('poor')] }) }),
  ],
  ['more than available', 'insufficient_funds', true, () => transfer(a('poor'), a('other'), '1.000001')],
  ['refund of an unknown transfer', 'not_found', true, () => refund(a('other'), newAgent(), null)],
  ['refund by another than the payee', 'not_found', true, () => refund(a('rich'), paid, null)],
  ['refund of a grant', 'not_found', true, () => refund(a('poor'), granted, null)],
  ['refund of a refund', 'refund_exceeds', true, () => refund(a('rich'), paidBack, null)],
  ['refund beyond what is left', 'refund_exceeds', true, () => refund(a('other'), paid, '79.500001')],
  ['refund of 0', 'amount_out_of_range', true, () => refund(a('other'), paid, '0')],
  ['status of an unknown account', 'agent_not_found', false, () => setStatus(newAgent(), 1, 'frozen')],
  ['closing with a balance', 'agent_not_empty', false, () => setStatus(a('poor'), 5, 'closed')],
  [
    'closing into an unknown agent',
    'agent_not_found',
    false,
    () => setStatus(a('poor'), 5, 'closed', newAgent()),
  ],
  ['closing into itself', 'same_agent', false, () => setStatus(a('poor'), 5, 'closed', a('poor'))],
  [
    'closing into a frozen agent',
    'agent_not_active',
    false,
    () => setStatus(a('poor'), 5, 'closed', a('frozen')),
  ],
  [
    'closing a frozen account that holds AVT',
    'agent_not_active',
    false,
    () => setStatus(a('frozen'), 5, 'closed', a('poor')),
  ],
  [
    'grant beyond the budget of the day',
    'budget_exhausted',
    false,
    () => grant(a('poor'), '1', newAgent(), '0'),
  ],
  ['second grant of a developer', 'already_granted', false, () => grant(a('poor'), '1', DEVELOPER)],
  ['grant to an unknown agent', 'agent_not_found', false, () => grant(newAgent(), '1')],
  ['grant to a frozen agent', 'agent_not_active', false, () => grant(a('frozen'), '1')],
  ['grant of 0', 'amount_out_of_range', false, () => grant(a('poor'), '0')],
  ['token of an unknown payer', 'agent_not_found', false, () => issueToken(newAgent(), a('other'), '1')],
  ['token for an unknown payee', 'agent_not_found', true, () => issueToken(a('rich'), newAgent(), '1')],
  ['token for itself', 'same_agent', true, () => issueToken(a('rich'), a('rich'), '1')],
  ['token below 0.0001', 'amount_out_of_range', true, () => issueToken(a('rich'), a('other'), '0.000099')],
  ['token of a frozen payer', 'agent_not_active', true, () => issueToken(a('frozen'), a('other'), '1')],
  ['token for a closed payee', 'agent_not_active', true, () => issueToken(a('rich'), a('closed'), '1')],
  [
    'token beyond what is available',
    'insufficient_funds',
    true,
    () => issueToken(a('poor'), a('other'), '1.000001'),
  ],
  [
    'token beyond the limit of its key',
    'limit_exceeded',
    true,
    () => issueToken(a('rich'), a('other'), '2', { limits: keyOf({ per_transfer: '1' }) }),
  ],
  ['redemption of an unknown token', 'not_found', true, () => redeemToken(a('other'), newAgent())],
  [
    'redemption by another than the payee',
    'audience_mismatch',
    true,
    () => redeemToken(a('poor'), token('held')),
  ],
  ['second redemption', 'token_redeemed', true, () => redeemToken(a('other'), token('redeemed'))],
  [
    'redemption of a cancelled token',
    'token_cancelled',
    true,
    () => redeemToken(a('other'), token('cancelled')),
  ],
  ['redemption after the expiry', 'token_expired', true, () => redeemToken(a('other'), token('expired'))],
  [
    'redemption of more than was held',
    'amount_out_of_range',
    true,
    () => redeemToken(a('other'), token('held'), '2.000001'),
  ],
  [
    'redemption of less than 0.0001',
    'amount_out_of_range',
    true,
    () => redeemToken(a('other'), token('held'), '0.000099'),
  ],
  [
    'redemption from a frozen payer',
    'agent_not_active',
    true,
    () => redeemToken(a('other'), token('ofFrozen')),
  ],
  ['cancellation of an unknown token', 'not_found', false, () => cancelToken(a('rich'), newAgent())],
  ['cancellation by the payee', 'not_found', false, () => cancelToken(a('other'), token('held'))],
  [
    'cancellation of a redeemed token',
    'token_redeemed',
    false,
    () => cancelToken(a('rich'), token('redeemed')),
  ],
  ['cancellation after the expiry', 'token_expired', false, () => cancelToken(a('rich'), token('expired'))],
  ['voiding a token of another payer', 'not_found', false, () => expireToken(a('poor'), token('expired'))],
  ['mint without authority', 'minting_disabled', false, () => mint(a('poor'), '1')],
  ['burn without authority', 'minting_disabled', false, () => burn(null, '1')],
  ['mint to an unknown agent', 'agent_not_found', false, () => mint(newAgent(), '1')],
  [
    'account opened again with another owner',
    'idempotency_key_reused',
    false,
    () => ({ ...openAccount(a('poor')), owner: newAgent() }),
  ],
  [
    'did that another account has',
    'idempotency_key_reused',
    false,
    () => ({ ...openAccount(newAgent()), did: openAccount(a('poor')).did }),
  ],
]

describe('gate', () => {
  test.each(rows)('refuses %s with %s', async (_name, code, kept, make) => {
    const command = make()
    const before = await t.client.supply(anyCall())
    const outcome = await t.run(command)
    expect(outcome).toMatchObject({ ok: false, replayed: false, transfer: null, error: { code } })
    const again = await t.run(command)
    expect(again).toEqual({ ...outcome, replayed: kept })
    expect(await t.client.supply(anyCall())).toEqual(before)
  })

  test('refuses a used key with other fields with 422 idempotency_key_reused, and keeps the first outcome', async () => {
    const first = transfer(a('rich'), a('other'), '1')
    const done = await t.run(first)
    const other = await t.run({ ...transfer(a('rich'), a('other'), '2'), key: first.key })
    expect(other.error?.code).toBe('idempotency_key_reused')
    expect(await t.run(first)).toEqual({ ...done, replayed: true })
  })

  test('gives the first answer of a key when the payee is closed and the quote has expired meanwhile', async () => {
    const payee = await t.open()
    const command = transfer(a('rich'), payee, '1', { quote: quote({}) })
    const done = await t.run(command)
    expect(done.ok).toBe(true)
    await t.run(setStatus(payee, 2, 'closed', a('rich')))
    t.clock.advance(3_600_000)
    expect(await t.run(command)).toEqual({ ...done, replayed: true })
    t.clock.advance(-3_600_000)
  })
})
