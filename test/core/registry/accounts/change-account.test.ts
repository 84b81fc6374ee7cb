import { beforeAll, describe, expect, test } from 'vitest'
import { changeAccount } from '#core/registry/accounts/change-account.ts'
import { ensureOperatorKey } from '#core/registry/accounts/credentials/ensure-operator-key.ts'
import { listAccounts } from '#core/registry/accounts/list-accounts.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import { sweepExpired } from '#core/registry/accounts/sweep-expired.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { sendDueMails } from '#core/registry/mail/send-due-mails.ts'
import { contextFor, registerDeveloper } from '#test/support/accounts.ts'
import { OPERATOR_KEY, type System, startSystem } from '#test/support/system.ts'

let system: System
let ctx: RegistryContext
beforeAll(async () => {
  system = await startSystem()
  ctx = contextFor(system, { kind: 'operator', account: null, key: 'preset', roles: ['operator'] })
})

describe('changeAccount', () => {
  test('gives and takes roles, which a session has at its next call', async () => {
    const { account, token } = await registerDeveloper(system)
    const invites = async () => (await system.api.get('/invites', { token })).status
    expect(await invites()).toBe(403)
    const changed = await changeAccount(ctx, account, { roles: ['operator', 'auditor', 'operator'] })
    expect(changed.roles).toEqual(['auditor', 'operator'])
    expect(await invites()).toBe(200)
    await changeAccount(ctx, account, { roles: [] })
    expect(await invites()).toBe(403)
  })

  test('records who changed what, and tells only the account and operators', async () => {
    const { account } = await registerDeveloper(system)
    await changeAccount(ctx, account, { roles: ['auditor'], status: 'suspended' })
    await changeAccount(ctx, account, { status: 'suspended' })
    const events = await system.registry.db.query<{ data: { changes: unknown }; audience: string[] }>(
      `select data, audience from registry.outbox where type = 'account.changed' and subject = $1`,
      [`developers/${account}`],
    )
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      audience: [account],
      data: {
        changes: { roles: { old: [], new: ['auditor'] }, status: { old: 'active', new: 'suspended' } },
      },
    })
    const acts = await system.registry.db.query('select object from registry.audit_trail where act = $1', [
      'account.change',
    ])
    expect(acts).toContainEqual({ object: `accounts/${account}` })
  })

  test('answers 404 not_found for an unknown and for a deleted account', async () => {
    const { account, token } = await registerDeveloper(system)
    await system.api.delete('/auth/me', { token })
    for (const id of [account, crypto.randomUUID()])
      await expect(changeAccount(ctx, id, { status: 'active' })).rejects.toMatchObject({
        status: 404,
        code: 'not_found',
      })
  })
})

describe('listAccounts', () => {
  test('pages through all accounts newest first and finds one by address', async () => {
    system.clock.advance(1000)
    const { account, email } = await registerDeveloper(system)
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await listAccounts(ctx, { limit: 2, cursor })
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.next_cursor ?? undefined
    } while (cursor)
    expect(seen[0]).toBe(account)
    expect(seen).toEqual([...new Set(seen)].sort().reverse())
    const found = await listAccounts(ctx, { limit: 2, email: email.toUpperCase() })
    expect(found.items.map(({ id }) => id)).toEqual([account])
  })
})

describe('sweepExpired', () => {
  test('drops what has expired and nothing sooner', async () => {
    const DAY = 86_400_000
    await sweepExpired(system.registry)
    const developer = await registerDeveloper(system)
    await system.api.post('/auth/password/forgot', { email: developer.email })
    await sendDueMails(system.registry)
    await system.api.post('/auth/login', { email: developer.email, password: 'not the password' })
    const scope = { name: 'k', scopes: ['*'] }
    await system.api.post('/auth/api-keys', scope, { token: developer.token, key: 'sweep' })
    expect(await sweepExpired(system.registry)).toEqual({
      mail_tokens: 0,
      refresh_tokens: 0,
      sessions: 0,
      login_failures: 0,
      mails: 0,
      idempotency: 0,
    })
    system.clock.advance(DAY + 3600_000)
    expect(await sweepExpired(system.registry)).toMatchObject({ idempotency: 0, mails: 0, sessions: 0 })
    const again = await system.api.post('/auth/api-keys', scope, {
      token: (await system.api.post('/auth/refresh', { refresh_token: developer.refreshToken })).body
        .access_token,
      key: 'sweep',
    })
    expect(again.headers.get('idempotency-replayed')).toBe('true')
    system.clock.advance(DAY)
    const second = await sweepExpired(system.registry)
    expect(second.idempotency).toBeGreaterThan(0)
    system.clock.advance(28 * DAY)
    expect((await sweepExpired(system.registry)).mails).toBeGreaterThan(0)
    system.clock.advance(80 * DAY)
    const last = await sweepExpired(system.registry)
    expect(last.sessions).toBeGreaterThan(0)
    for (const table of [
      'mail_tokens',
      'sessions',
      'refresh_tokens',
      'login_failures',
      'mails',
      'idempotency',
    ])
      expect(await system.registry.db.query(`select 1 from registry.${table}`), table).toEqual([])
  })

  test('works in bounded batches and goes on until all is gone', async () => {
    await system.registry.db.query(
      `insert into registry.idempotency (principal, key, request_hash, created_at)
       select 'test', n::text, 'h', $1 from generate_series(1, 1201) n`,
      [new Date(system.clock.now().getTime() - 49 * 3600_000)],
    )
    expect((await sweepExpired(system.registry)).idempotency).toBe(1201)
  })
})

describe('ensureOperatorKey', () => {
  const ensure = (key: string | undefined) =>
    ensureOperatorKey({ ...system.registry, config: { ...system.config, OPERATOR_API_KEY: key } })
  const callerOf = (token: string, key: string | undefined) => {
    const held = contextFor(system)
    return readCaller({ ...held, config: { ...held.config, OPERATOR_API_KEY: key } }, token)
  }
  const preset = { kind: 'operator', account: null, roles: ['operator', 'auditor'] }

  test('makes a key once when none is configured, also when several processes start at once', async () => {
    const texts = await Promise.all([ensure(undefined), ensure(undefined), ensure(undefined)])
    const made = texts.filter((text) => text !== null)
    expect(made).toHaveLength(1)
    expect(made[0]).toMatch(/^nfo_/)
    expect(await callerOf(made[0] ?? '', undefined)).toMatchObject(preset)
    expect(await ensure(undefined)).toBeNull()
  })

  test('puts a configured key in the place of the former one, and a changed one in its place again', async () => {
    const texts = ['first-configured-operator-key-0001', 'second-configured-operator-key-002']
    for (const text of texts) expect(await ensure(text)).toBeNull()
    expect(await ensure(texts[1])).toBeNull()
    expect(await callerOf(texts[1] ?? '', texts[1])).toMatchObject(preset)
    expect(await callerOf(texts[0] ?? '', texts[1])).toBeNull()
    const rows = await system.registry.db.query('select 1 from registry.credentials where preset')
    expect(rows).toHaveLength(1)
    expect((await system.api.get('/invites', { token: OPERATOR_KEY })).status).toBe(200)
  })
})
