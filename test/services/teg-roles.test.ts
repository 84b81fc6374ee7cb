/** The ledger on a server as it is run: an owner that is no superuser, the TEG under its own login, an auditor that reads. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '#core/platform/config.ts'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import type { Outcome } from '#core/wire/teg.ts'
import { openDatabases } from '#host/open-databases.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { serverUrl } from '#test/support/services.ts'
import {
  anyCall,
  burn,
  cancelToken,
  issueToken,
  mint,
  newAgent,
  refund,
  setStatus,
  startTeg,
  type TestTeg,
  transfer,
} from '#test/support/teg.ts'
import { guardsConformance } from '../core/teg/guards-conformance.ts'

const server = serverUrl('TEST_DATABASE_URL')
const suffix = randomBytes(6).toString('hex')
const database = `teg_roles_${suffix}`
const ownerRole = `owner_${suffix}`
const password = randomBytes(12).toString('hex')
const code = (outcome: Outcome | undefined) => outcome?.error?.code ?? 'ok'

describe.skipIf(server === null)('a TEG under its own role', () => {
  const opened: Database[] = []
  const urlOf = (username: string, name = database) =>
    Object.assign(new URL(server ?? ''), { pathname: `/${name}`, username, password }).href
  const connect = (url: string) => {
    const db = openPg({ url, max: 2 })
    opened.push(db)
    return db
  }
  const asAdmin = async (work: (admin: Database) => Promise<unknown>) => {
    const admin = openPg({ url: server ?? '', max: 1 })
    await work(admin).finally(() => admin.close())
  }
  /** Starts the databases of a TEG's host as Compose does: migrated and set up by the owner, at work as the role. */
  const start = async (authority: string) => {
    const config = readConfig({
      HOST_SERVICES: 'teg',
      TEG_DATABASE_URL: urlOf('ninefold_teg'),
      TEG_DATABASE_DIRECT_URL: urlOf(ownerRole),
      MINTING_AUTHORITY: authority,
      TEG_SERVICE_TOKEN: 'service-token-for-tests-0123456789',
    })
    const databases = await openDatabases(config, silentLog)
    opened.push({ close: () => databases.close() } as Database)
    return startTeg({ MINTING_AUTHORITY: authority }, databases.teg as Database)
  }
  let owner: Database
  let teg: TestTeg

  beforeAll(async () => {
    await asAdmin(async (admin) => {
      for (const role of ['ninefold_teg', 'ninefold_auditor'])
        await admin.query(
          `do $$ begin create role ${role}; exception when duplicate_object or unique_violation then null; end $$`,
        )
      await admin.query(`alter role ninefold_teg login password '${password}'`)
      await admin.query(`alter role ninefold_auditor login password '${password}'`)
      await admin.query(`create role ${ownerRole} login password '${password}'`)
      await admin.query(`create database ${database} owner ${ownerRole}`)
    })
    owner = connect(urlOf(ownerRole))
    teg = await start('disabled')
  })
  afterAll(async () => {
    for (const db of opened) await db.close()
    await asAdmin(async (admin) => {
      for (const name of [database, `${database}_back`])
        await admin.query(`drop database if exists ${name} with (force)`)
      await admin.query(`drop role if exists ${ownerRole}`)
    })
  })

  guardsConformance('its database', async () => {
    const [role, auditor] = [connect(urlOf('ninefold_teg')), connect(urlOf('ninefold_auditor'))]
    return { owner, teg, asRole: (text) => role.query(text), asAuditor: (text) => auditor.query(text) }
  })

  test('does all that a TEG does: accounts, grants, transfers, refunds, tokens, fees, events', async () => {
    const [payer, payee] = [await teg.open('50'), await teg.open()]
    const outcomes = await teg.client.commands(anyCall(), [
      transfer(payer, payee, '1'),
      transfer(payer, payee, '2', { memo: 'second' }),
      transfer(payer, newAgent(), '2'),
    ])
    expect(outcomes.map(code)).toEqual(['ok', 'ok', 'agent_not_found'])
    expect(code(await teg.run(refund(payee, outcomes[0]?.transfer?.id as string, '0.5')))).toBe('ok')
    const id = (await teg.run(issueToken(payer, payee, '3'))).payment?.id as string
    expect(await teg.client.redemption(anyCall(), id)).toMatchObject({ payment: { id }, refusal: null })
    expect(code(await teg.run(cancelToken(payer, id)))).toBe('ok')
    expect(await teg.client.redemption(anyCall(), id)).toMatchObject({ refusal: { code: 'token_cancelled' } })
    expect(code(await teg.run(setStatus(payee, 2, 'closed', payer)))).toBe('ok')
    await teg.client.postFees(anyCall(), { settings_version: 4, base_rate: '0.006', effective_rate: '0.006' })
    expect((await teg.client.outbox(anyCall(), 0, 1000)).items.length).toBeGreaterThan(5)
    expect(await findFaults(owner)).toEqual([])
  })

  test('mints and burns when the owner has given the authority, and not when it has taken it back', async () => {
    const agent = await teg.open()
    expect(code(await teg.run(mint(agent, '1')))).toBe('minting_disabled')
    const on = await start('teg-layer')
    const done = await on.client.commands(anyCall(), [
      mint(agent, '5'),
      mint(null, '5'),
      burn(agent, '1'),
      burn(null, '4'),
    ])
    expect(done.map(code)).toEqual(['ok', 'ok', 'ok', 'ok'])
    expect(await owner.query('select minting, ever_minted from teg.meta')).toEqual([
      { minting: true, ever_minted: true },
    ])
    await start('disabled')
    expect(code(await on.run(mint(agent, '1')))).toBe('minting_disabled')
    expect(await findFaults(owner)).toEqual([])
  })

  test('does not start with another authority than the database holds, and says what to do', async () => {
    await expect(startTeg({ MINTING_AUTHORITY: 'teg-layer' }, teg.db)).rejects.toThrow(
      /MINTING_AUTHORITY: is teg-layer, but .* holds disabled, and its role ninefold_teg .* `operate migrate`/,
    )
    const main = new URL('../../containers/operate/main.ts', import.meta.url).pathname
    const env = {
      PATH: process.env.PATH ?? '',
      TEG_DATABASE_DIRECT_URL: urlOf(ownerRole),
      MINTING_AUTHORITY: 'teg-layer',
    }
    const { stdout } = await promisify(execFile)(process.execPath, [main, 'migrate'], { env })
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'teg', applied: [], minting_authority: 'teg-layer' })
    const started = await startTeg({ MINTING_AUTHORITY: 'teg-layer' }, teg.db)
    expect(code(await started.run(mint(null, '1')))).toBe('ok')
    await expect(startTeg({}, teg.db)).rejects.toThrow('is disabled, but')
    await start('disabled')
  })
})
