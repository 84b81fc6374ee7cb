/** What can be set, its bounds, and which value counts: stored over the API > environment > default. */
import { AMOUNT_PATTERN, formatAmount, formatRate, MICRO, parseAmount, parseRate } from '#core/base/amount.ts'
import { type Config, configKeys } from '#core/platform/config.ts'

type Kind = 'rate' | 'amount' | 'flag' | 'count'
type ValueOf<K extends Kind> = K extends 'flag' ? boolean : K extends 'count' ? number : bigint
/** A value inside: rates in parts per million, amounts in micro-AVT, flags, counts. */
export type SettingValue = bigint | boolean | number
/** A value in JSON. */
export type ShownValue = string | boolean | number

interface Spec {
  readonly kind: Kind
  /** The key of the environment that stands behind it. */
  readonly env: keyof typeof configKeys
  readonly minimum?: bigint | number
  readonly maximum?: bigint | number
}

/** The settings that have an effect now, with the bounds of the mission page and api.md. */
export const settingSpecs = {
  intra_registry_fee_rate: {
    kind: 'rate',
    env: 'INTRA_REGISTRY_FEE_RATE',
    minimum: 5_000n,
    maximum: 50_000n,
  },
  genesis_grant_amount: {
    kind: 'amount',
    env: 'GENESIS_GRANT_AMOUNT',
    minimum: 0n,
    maximum: 100_000n * MICRO,
  },
  genesis_grant_enabled: { kind: 'flag', env: 'GENESIS_GRANT_ENABLED' },
  genesis_budget_per_day: {
    kind: 'amount',
    env: 'GENESIS_BUDGET_PER_DAY',
    minimum: 0n,
    maximum: 9_007_199_254n * MICRO,
  },
  beta_invite_required: { kind: 'flag', env: 'BETA_INVITE_REQUIRED' },
  rate_limit_public_per_minute: {
    kind: 'count',
    env: 'RATE_LIMIT_PUBLIC_PER_MINUTE',
    minimum: 1,
    maximum: 1_000_000,
  },
  rate_limit_authenticated_per_minute: {
    kind: 'count',
    env: 'RATE_LIMIT_AUTHENTICATED_PER_MINUTE',
    minimum: 1,
    maximum: 1_000_000,
  },
} as const satisfies Record<string, Spec>

export type SettingName = keyof typeof settingSpecs
export const settingNames = Object.keys(settingSpecs) as SettingName[]
export type Settings = { readonly [N in SettingName]: ValueOf<(typeof settingSpecs)[N]['kind']> }
/** What a PATCH asks for: null returns to the environment. */
export type SettingsPatch = { readonly [N in SettingName]?: SettingValue | null | undefined }
/** Stored texts by name. */
export type Stored = Readonly<Record<string, string>>

export interface ShownSetting {
  value: ShownValue
  default: ShownValue
  minimum?: ShownValue
  maximum?: ShownValue
  source: 'api' | 'governance' | 'env' | 'default'
}

/** By name: those that are always there, and one for each task. */
export type ShownSettings = { [N in SettingName]: ShownSetting } & Record<string, ShownSetting>

/** The value of a canonical text. */
function parseText(kind: Kind, text: string): SettingValue {
  const value =
    kind === 'flag'
      ? text === 'true'
      : kind === 'count'
        ? Number(text)
        : kind === 'rate'
          ? parseRate(text)
          : AMOUNT_PATTERN.test(text)
            ? parseAmount(text)
            : null
  if (value === null || Number.isNaN(value)) throw new Error(`a stored setting is no ${kind}`)
  return value
}

/** The JSON form of a value: rates and amounts as decimal strings. */
export function showValue(kind: Kind, value: SettingValue): ShownValue {
  if (typeof value !== 'bigint') return value
  return kind === 'rate' ? formatRate(value) : formatAmount(value)
}

const defaultOf = (name: SettingName): SettingValue =>
  parseText(settingSpecs[name].kind, String(configKeys[settingSpecs[name].env].default))

const configured = (config: Config, name: SettingName): SettingValue =>
  parseText(settingSpecs[name].kind, String(config[settingSpecs[name].env]))

/** All settings as they count. */
export function effectiveSettings(stored: Stored, config: Config): Settings {
  const values: Record<string, SettingValue> = {}
  for (const name of settingNames) {
    const text = stored[name]
    values[name] = text === undefined ? configured(config, name) : parseText(settingSpecs[name].kind, text)
  }
  return values as Settings
}

/** All settings as the API shows them. */
export function showSettings(stored: Stored, config: Config): Record<SettingName, ShownSetting> {
  const values = effectiveSettings(stored, config)
  const shown = {} as Record<SettingName, ShownSetting>
  for (const name of settingNames) {
    const spec: Spec = settingSpecs[name]
    const source = stored[name] !== undefined ? 'api' : config.given.has(spec.env) ? 'env' : 'default'
    shown[name] = {
      value: showValue(spec.kind, values[name]),
      default: showValue(spec.kind, defaultOf(name)),
      ...(spec.minimum === undefined ? {} : { minimum: showValue(spec.kind, spec.minimum) }),
      ...(spec.maximum === undefined ? {} : { maximum: showValue(spec.kind, spec.maximum) }),
      source,
    }
  }
  return shown
}

export interface OutOfBounds {
  name: string
  bounds: string
}

/** The values of a patch that are outside their bounds, with the bounds in words. */
export function findOutOfBounds(patch: SettingsPatch): OutOfBounds[] {
  const faults: OutOfBounds[] = []
  for (const name of settingNames) {
    const value = patch[name]
    const { kind, minimum, maximum }: Spec = settingSpecs[name]
    if (value === undefined || value === null || typeof value === 'boolean') continue
    if (minimum === undefined || maximum === undefined) continue
    if (value >= minimum && value <= maximum) continue
    faults.push({
      name,
      bounds: `must be between ${showValue(kind, minimum)} and ${showValue(kind, maximum)}`,
    })
  }
  return faults
}

export interface SettingChange {
  name: string
  /** The text to store; null: the row goes. */
  text: string | null
  before: ShownValue
  after: ShownValue
}

/** What a patch changes. Storing the value that the environment has is a change of its source, so it counts. */
export function planChanges(stored: Stored, config: Config, patch: SettingsPatch): SettingChange[] {
  const next: Record<string, string> = { ...stored }
  for (const name of settingNames) {
    const value = patch[name]
    if (value === null) delete next[name]
    else if (value !== undefined) next[name] = String(showValue(settingSpecs[name].kind, value))
  }
  const before = effectiveSettings(stored, config)
  const after = effectiveSettings(next, config)
  return settingNames
    .filter((name) => stored[name] !== next[name])
    .map((name) => ({
      name,
      text: next[name] ?? null,
      before: showValue(settingSpecs[name].kind, before[name]),
      after: showValue(settingSpecs[name].kind, after[name]),
    }))
}
