import { describe, expect, test } from 'vitest'
import { type Config, readConfig } from '#core/platform/config.ts'
import {
  effectiveSettings,
  findOutOfBounds,
  planChanges,
  type SettingsPatch,
  showSettings,
} from '#core/registry/settings/rules.ts'

const AVT = 1_000_000n
const config = (env: Record<string, string> = {}): Config => readConfig(env)

describe('bounds', () => {
  test.each<[SettingsPatch, string | null]>([
    [{ intra_registry_fee_rate: 4_900n }, 'must be between 0.005 and 0.05'],
    [{ intra_registry_fee_rate: 5_000n }, null],
    [{ intra_registry_fee_rate: 50_000n }, null],
    [{ intra_registry_fee_rate: 50_100n }, 'must be between 0.005 and 0.05'],
    [{ genesis_grant_amount: 0n }, null],
    [{ genesis_grant_amount: 100_000n * AVT }, null],
    [{ genesis_grant_amount: 100_000n * AVT + 1n }, 'must be between 0 and 100000'],
    [{ genesis_budget_per_day: 0n }, null],
    [{ genesis_budget_per_day: 9_007_199_254n * AVT }, null],
    [{ genesis_budget_per_day: 9_007_199_254n * AVT + 1n }, 'must be between 0 and 9007199254'],
    [{ rate_limit_public_per_minute: 0 }, 'must be between 1 and 1000000'],
    [{ rate_limit_public_per_minute: 1 }, null],
    [{ rate_limit_public_per_minute: -1 }, 'must be between 1 and 1000000'],
    [{ rate_limit_authenticated_per_minute: 1_000_000 }, null],
    [{ rate_limit_authenticated_per_minute: 1_000_001 }, 'must be between 1 and 1000000'],
    [{ intra_registry_fee_rate: null, genesis_grant_enabled: false, beta_invite_required: true }, null],
  ])('%o -> %s', (patch, bounds) => {
    expect(findOutOfBounds(patch).map((fault) => fault.bounds)).toEqual(bounds === null ? [] : [bounds])
  })

  test('names every fault, not only the first', () => {
    const faults = findOutOfBounds({ intra_registry_fee_rate: 0n, rate_limit_public_per_minute: 0 })
    expect(faults.map((fault) => fault.name)).toEqual([
      'intra_registry_fee_rate',
      'rate_limit_public_per_minute',
    ])
  })
})

describe('precedence', () => {
  test.each<[string | undefined, string | undefined, string, string]>([
    [undefined, undefined, '1000', 'default'],
    [undefined, '500.5', '500.5', 'env'],
    [undefined, '1000', '1000', 'env'],
    ['7', '500.5', '7', 'api'],
    ['7', undefined, '7', 'api'],
  ])('stored %s over environment %s shows %s from %s', (stored, env, value, source) => {
    const shown = showSettings(
      stored === undefined ? {} : { genesis_grant_amount: stored },
      config(env === undefined ? {} : { GENESIS_GRANT_AMOUNT: env }),
    ).genesis_grant_amount
    expect(shown).toEqual({ value, default: '1000', minimum: '0', maximum: '100000', source })
  })

  test('every setting has its default, bounds and kind without any environment', () => {
    expect(effectiveSettings({}, config())).toEqual({
      intra_registry_fee_rate: 5_000n,
      genesis_grant_amount: 1_000n * AVT,
      genesis_grant_enabled: true,
      genesis_budget_per_day: 1_000_000n * AVT,
      beta_invite_required: false,
      rate_limit_public_per_minute: 60,
      rate_limit_authenticated_per_minute: 300,
    })
    expect(showSettings({}, config()).beta_invite_required).toEqual({
      value: false,
      default: false,
      source: 'default',
    })
  })
})

describe('changes', () => {
  const stored = { rate_limit_public_per_minute: '5' }
  test.each<[SettingsPatch, object[]]>([
    [{}, []],
    [{ rate_limit_public_per_minute: 5 }, []],
    [{ genesis_grant_enabled: null }, []],
    [
      { rate_limit_public_per_minute: null },
      [{ name: 'rate_limit_public_per_minute', text: null, before: 5, after: 60 }],
    ],
    [
      { intra_registry_fee_rate: 10_000n },
      [{ name: 'intra_registry_fee_rate', text: '0.01', before: '0.005', after: '0.01' }],
    ],
    [
      { genesis_grant_enabled: true },
      [{ name: 'genesis_grant_enabled', text: 'true', before: true, after: true }],
    ],
  ])('%o changes %o', (patch, changes) => {
    expect(planChanges(stored, config(), patch)).toEqual(changes)
  })
})
