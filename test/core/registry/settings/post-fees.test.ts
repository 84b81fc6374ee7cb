import { describe, expect, test } from 'vitest'
import type { Caller } from '#core/base/caller.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { changeSettings } from '#core/registry/settings/change-settings.ts'
import { listSettings } from '#core/registry/settings/list-settings.ts'
import { postFees } from '#core/registry/settings/post-fees.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { registryContext } from '#test/support/context.ts'
import { type System, startSystem } from '#test/support/system.ts'

const operator: Caller = { kind: 'operator', account: null, key: 'preset', roles: ['operator', 'auditor'] }
const ctx = (system: System, teg?: TegClient) =>
  registryContext(system.registry, { caller: operator, ...(teg ? { teg } : {}) })
const inForce = async (system: System) => (await system.registry.teg.fees(ctx(system))).base_rate
const version = async (system: System) =>
  (await system.registry.db.query<{ version: bigint }>('select version from registry.settings_state'))[0]
    ?.version
const awayTeg = (): TegClient =>
  openTegClient({
    token: 'x'.repeat(32),
    newId: () => crypto.randomUUID(),
    fetch: () => {
      const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
      return Promise.reject(new TypeError('fetch failed', { cause }))
    },
  })

describe('posting fees', () => {
  test("start-up posts the environment's rate; a repeat posts the same version again", async () => {
    const system = await startSystem({ INTRA_REGISTRY_FEE_RATE: '0.03' })
    expect((await postFees(ctx(system))).base_rate).toBe('0.03')
    expect(await version(system)).toBe(1n)
    expect((await postFees(ctx(system))).base_rate).toBe('0.03')
    expect([await version(system), await inForce(system)]).toEqual([1n, '0.03'])
  })

  test('a TEG that knows a higher version takes the rate under a still higher one', async () => {
    const system = await startSystem()
    await system.registry.teg.postFees(ctx(system), {
      settings_version: 40,
      base_rate: '0.04',
      effective_rate: '0.04',
    })
    expect((await postFees(ctx(system))).base_rate).toBe('0.005')
    expect([await version(system), await inForce(system)]).toEqual([41n, '0.005'])
  })

  test('with the TEG away a change is stored and answers 503 teg_unavailable; the sweep brings it into force', async () => {
    const system = await startSystem()
    await postFees(ctx(system))
    await expect(
      changeSettings(ctx(system, awayTeg()), { intra_registry_fee_rate: 20_000n }),
    ).rejects.toMatchObject({ status: 503, code: 'teg_unavailable', headers: { 'retry-after': '5' } })
    expect((await listSettings(ctx(system))).intra_registry_fee_rate).toMatchObject({
      value: '0.005',
      source: 'api',
    })
    await postFees(ctx(system))
    expect((await listSettings(ctx(system))).intra_registry_fee_rate.value).toBe('0.02')
  })

  test('a setting that has nothing to do with the TEG changes while it is away', async () => {
    const system = await startSystem()
    const shown = await changeSettings(ctx(system, awayTeg()), { rate_limit_public_per_minute: 10 })
    expect(shown.rate_limit_public_per_minute.value).toBe(10)
  })
})
