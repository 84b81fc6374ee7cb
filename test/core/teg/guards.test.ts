/** Who may call the TEG, and that its history refuses changes. */
import { describe, expect, test } from 'vitest'
import {
  anyCall,
  grant,
  newAgent,
  openAccount,
  SERVICE_TOKEN,
  setStatus,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const t = await startTeg()
const [payer, payee] = [newAgent(), newAgent()]
await t.client.commands(anyCall(), [
  openAccount(payer),
  openAccount(payee),
  grant(payer, '5'),
  transfer(payer, payee, '1'),
  setStatus(payee, 2, 'frozen'),
])
await t.client.outbox(anyCall(), 0, 10)

describe('inside address', () => {
  test('refuses a call without the service token with 401 unauthenticated', async () => {
    const response = await t.fetch(
      new Request('http://teg/supply', { headers: { authorization: 'Bearer wrong' } }),
    )
    expect(response.status).toBe(401)
    const probe = await t.fetch(new Request('http://teg/readyz'))
    expect([probe.status, await probe.json()]).toEqual([200, { status: 'ready' }])
    expect(await t.client.ping(anyCall())).toBe(true)
    expect(SERVICE_TOKEN).not.toBe('wrong')
  })
})

describe('history', () => {
  test.each([
    ['transfers', 'update teg.transfers set memo = null'],
    ['transfers', 'delete from teg.transfers'],
    ['moves', 'update teg.moves set memo = null'],
    ['moves', 'delete from teg.moves'],
    ['moves', 'truncate teg.moves'],
    ['account_steps', 'delete from teg.account_steps'],
    ['system_deltas', 'update teg.system_deltas set amount = 1'],
    ['fee_snapshots', 'update teg.fee_snapshots set base_ppm = 6000'],
    ['grants', 'delete from teg.grants'],
    ['outbox_numbered', 'delete from teg.outbox_numbered'],
    ['accounts', 'delete from teg.accounts'],
  ])('of %s refuses: %s', async (table, statement) => {
    await expect(t.db.query(statement)).rejects.toThrow(`teg.${table} is history`)
  })
})
