import { beforeAll, describe, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import { changeSettings } from '#core/registry/settings/change-settings.ts'
import { readSetting, readSettings } from '#core/registry/settings/read-settings.ts'
import { tierReader } from '#core/registry/settings/read-tiers.ts'
import { registryContext } from '#test/support/context.ts'
import { type System, startSystem } from '#test/support/system.ts'

const operator: Caller = { kind: 'operator', account: null, key: 'preset', roles: ['operator', 'auditor'] }
const anonymous: Caller = { kind: 'anonymous' }
let system: System
const ctx = (caller = operator) => registryContext(system.registry, { caller, requestId: 'req-1' })
const rows = (text: string) => system.registry.db.query(text)

beforeAll(async () => {
  system = await startSystem({ RATE_LIMIT_PUBLIC_PER_MINUTE: '70' })
})

describe('changing settings', () => {
  test('a change counts at once in this process, and its event and audit row commit with it', async () => {
    expect(await readSetting(ctx(), 'beta_invite_required')).toBe(false)
    const shown = await changeSettings(ctx(), {
      beta_invite_required: true,
      genesis_grant_amount: 5_000_000n,
    })
    expect(shown.beta_invite_required).toEqual({ value: true, default: false, source: 'api' })
    expect(await readSetting(ctx(), 'beta_invite_required')).toBe(true)
    const events = await rows(
      `select subject, data, audience from registry.outbox where type = 'settings.changed' order by position`,
    )
    expect(events).toEqual([
      {
        subject: 'settings/genesis_grant_amount',
        data: {
          name: 'genesis_grant_amount',
          actor: 'operator:preset',
          old: '1000',
          new: '5',
          settings_version: 1,
        },
        audience: [],
      },
      {
        subject: 'settings/beta_invite_required',
        data: {
          name: 'beta_invite_required',
          actor: 'operator:preset',
          old: false,
          new: true,
          settings_version: 1,
        },
        audience: [],
      },
    ])
    const acts = await rows(
      'select actor, act, object, before, after, request_id from registry.audit_trail order by position',
    )
    expect(acts).toEqual([
      {
        actor: 'operator:preset',
        act: 'settings.change',
        object: 'settings/genesis_grant_amount',
        before: { value: '1000' },
        after: { value: '5', settings_version: 1 },
        request_id: 'req-1',
      },
      {
        actor: 'operator:preset',
        act: 'settings.change',
        object: 'settings/beta_invite_required',
        before: { value: false },
        after: { value: true, settings_version: 1 },
        request_id: 'req-1',
      },
    ])
    expect(system.woken).toContain('relay')
  })

  test('null returns to the environment, and the same value again changes nothing', async () => {
    await changeSettings(ctx(), { beta_invite_required: null })
    const version = (await rows('select version from registry.settings_state'))[0]
    const shown = await changeSettings(ctx(), {
      beta_invite_required: null,
      genesis_grant_amount: 5_000_000n,
    })
    expect(shown.beta_invite_required).toEqual({ value: false, default: false, source: 'default' })
    expect((await rows('select version from registry.settings_state'))[0]).toEqual(version)
  })

  test('answers 422 out_of_bounds naming the bound, and stores nothing of the patch', async () => {
    const refused = changeSettings(ctx(), { beta_invite_required: true, rate_limit_public_per_minute: 0 })
    await expect(refused).rejects.toMatchObject({
      status: 422,
      code: 'out_of_bounds',
      detail: 'rate_limit_public_per_minute must be between 1 and 1000000',
      errors: [{ pointer: '/rate_limit_public_per_minute', code: 'out_of_bounds' }],
    })
    expect(await readSetting(ctx(), 'beta_invite_required')).toBe(false)
  })

  test('changes made at the same time all count, each with a version of its own', async () => {
    const before = (await rows('select version from registry.settings_state'))[0]?.version as bigint
    await Promise.all([
      changeSettings(ctx(), { genesis_budget_per_day: 1_000_000n }),
      changeSettings(ctx(), { rate_limit_authenticated_per_minute: 400 }),
      changeSettings(ctx(), { genesis_grant_enabled: false }),
    ])
    expect(await readSettings(ctx())).toMatchObject({
      genesis_budget_per_day: 1_000_000n,
      rate_limit_authenticated_per_minute: 400,
      genesis_grant_enabled: false,
    })
    expect((await rows('select version from registry.settings_state'))[0]?.version).toBe(before + 3n)
  })
})

describe('reading settings', () => {
  test('a change made by another process counts after a second at the latest', async () => {
    await readSettings(ctx())
    await rows(`update registry.settings set value = '9' where name = 'genesis_grant_amount'`)
    await rows('update registry.settings_state set version = version + 1')
    expect(await readSetting(ctx(), 'genesis_grant_amount')).toBe(5_000_000n)
    system.clock.advance(1001)
    expect(await readSetting(ctx(), 'genesis_grant_amount')).toBe(9_000_000n)
  })

  test('inside a transaction it reads past the cache, on the transaction given', async () => {
    const seen = await system.registry.db.transaction(async (tx) => {
      await tx.query(`update registry.settings set value = '11' where name = 'genesis_grant_amount'`)
      return readSetting(ctx(), 'genesis_grant_amount', tx)
    })
    expect(seen).toBe(11_000_000n)
  })

  test('the tier of a caller follows the stored limit at once, and falls back to the environment', async () => {
    const tierOf = tierReader(system.registry)
    expect(tierOf(anonymous)).toEqual({ name: 'public', perMinute: 70 })
    await changeSettings(ctx(), { rate_limit_public_per_minute: 3 })
    expect(tierOf(anonymous)).toEqual({ name: 'public', perMinute: 3 })
    expect(tierOf(operator)).toEqual({ name: 'authenticated', perMinute: 400 })
    await changeSettings(ctx(), { rate_limit_public_per_minute: null })
    expect(tierOf(anonymous)).toEqual({ name: 'public', perMinute: 70 })
  })
})

describe('the audit trail', () => {
  test.each([
    `update registry.audit_trail set actor = 'nobody'`,
    'delete from registry.audit_trail',
    'truncate registry.audit_trail',
  ])('refuses %s', async (statement) => {
    await expect(rows(statement)).rejects.toThrow(/append-only/)
  })
})
