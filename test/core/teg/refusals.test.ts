/** One row per refusal of the gate: code, words, and that a stored one is permanent for its key. */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { gateErrors, type Outcome } from '#core/wire/teg.ts'
import { openRefusalWorld, quote, type Refusal } from '#test/support/ledger/refusal-world.ts'
import { refusalsOfAccounts } from '#test/support/ledger/refusals-of-accounts.ts'
import { refusalsWithAuthority, refusalsWithoutAuthority } from '#test/support/ledger/refusals-of-supply.ts'
import { refusalsOfTokens } from '#test/support/ledger/refusals-of-tokens.ts'
import { refusalsOfTransfers } from '#test/support/ledger/refusals-of-transfers.ts'
import { anyCall, SERVICE_TOKEN, setStatus, startTeg, type TestTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg()
const minting = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
const world = await openRefusalWorld(t)
const mintingWorld = await openRefusalWorld(minting)
const { a } = world
const rows = [refusalsOfTransfers, refusalsOfTokens, refusalsOfAccounts, refusalsWithoutAuthority].flatMap(
  (rowsOf) => rowsOf(world),
)
const mintingRows = refusalsWithAuthority(mintingWorld)

/** Words of the table that no command is refused with, and who says them. */
const notOfCommands: Partial<Record<keyof typeof gateErrors, string>> = {
  out_of_bounds: 'POST /fees',
  no_route: 'the registry, for a payee of another registry',
}

async function expectRefused(teg: TestTeg, [, code, kept, make]: Refusal): Promise<void> {
  const commands = [make()].flat()
  const run = async () => (await teg.client.commands(anyCall(), commands))[0] as Outcome
  const before = await teg.client.supply(anyCall())
  const outcome = await run()
  expect(outcome).toMatchObject({ ok: false, replayed: false, transfer: null, error: { code } })
  expect(await run()).toEqual({ ...outcome, replayed: kept })
  expect(await teg.client.supply(anyCall())).toEqual(before)
}

describe('gate', () => {
  test.each(rows)('refuses %s with %s', (...row) => expectRefused(t, row))
  test.each(mintingRows)('with minting authority refuses %s with %s', (...row) => expectRefused(minting, row))

  test('has a row for every code of its table, and can say no other', () => {
    const said = new Set(
      readdirSync('core/teg/ledger')
        .filter((name) => name.endsWith('.sql'))
        .flatMap((name) => [
          ...readFileSync(`core/teg/ledger/${name}`, 'utf8').matchAll(/array\['([a-z_]+)',\s/g),
        ])
        .map(([, code]) => code as string),
    )
    expect(said.size).toBeGreaterThan(15)
    const codes = Object.keys(gateErrors).filter((code) => !(code in notOfCommands))
    expect([...said].sort()).toEqual(codes.sort())
    expect([...new Set([...rows, ...mintingRows].map(([, code]) => code))].sort()).toEqual(codes)
  })

  test('fees outside their bounds are refused with 422 out_of_bounds, and nothing comes into force', async () => {
    const call = (method: string, body?: object) =>
      t.fetch(
        new Request('http://teg/fees', {
          method,
          headers: { authorization: `Bearer ${SERVICE_TOKEN}`, 'content-type': 'application/json' },
          ...(body ? { body: JSON.stringify(body) } : {}),
        }),
      )
    const before = await (await call('GET')).json()
    const answer = await call('POST', {
      settings_version: 9,
      base_rate: '0.050001',
      effective_rate: '0.050001',
    })
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({ code: 'out_of_bounds' })
    expect(await (await call('GET')).json()).toEqual(before)
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
