/** Reads the settings that count; cached in the process for at most a second, renewed at once by a change made here. */
import type { Config } from '#core/platform/config.ts'
import type { Queryable } from '#core/platform/database/database.ts'
import type { RegistryResources } from '../context.ts'
import { type StateRow, selectSettings } from './queries.ts'
import { effectiveSettings, type SettingName, type Settings } from './rules.ts'

export type { SettingName, Settings } from './rules.ts'

/** How old a value may be that another process has changed. */
const AGE_MAX_MS = 1000

/** What reading needs: any call's context or the service's resources. */
export type SettingsSource = Pick<RegistryResources, 'db' | 'config' | 'clock'>

export interface SettingsSnapshot {
  readonly version: bigint
  readonly values: Settings
  readonly readAt: number
}

/** One snapshot for each running service; its configuration object is its identity. */
const snapshots = new WeakMap<Config, SettingsSnapshot>()

/** The newest snapshot known here, however old. */
export const knownSettings = (source: Pick<SettingsSource, 'config'>): SettingsSnapshot | undefined =>
  snapshots.get(source.config)

/** True when a snapshot is too old to be trusted without a look. */
export function isStale(snapshot: SettingsSnapshot, now: Date): boolean {
  return Math.abs(now.getTime() - snapshot.readAt) > AGE_MAX_MS
}

/** Keeps a state as the newest, unless a newer version is known already. */
export function keepSettings(source: Pick<SettingsSource, 'config' | 'clock'>, state: StateRow): Settings {
  const known = snapshots.get(source.config)
  if (known && known.version > state.version) return known.values
  const values = effectiveSettings(state.stored, source.config)
  snapshots.set(source.config, {
    version: state.version,
    values,
    readAt: source.clock.now().getTime(),
  })
  return values
}

/**
 * All settings: rates in parts per million, amounts in micro-AVT.
 * Call it before a transaction is opened; inside one pass the transaction, which reads past the cache.
 */
export async function readSettings(source: SettingsSource, on?: Queryable): Promise<Settings> {
  if (on) return effectiveSettings((await selectSettings(on)).stored, source.config)
  const known = snapshots.get(source.config)
  if (known && !isStale(known, source.clock.now())) return known.values
  return keepSettings(source, await selectSettings(source.db))
}

/** One setting, as `readSettings` gives it. */
export async function readSetting<N extends SettingName>(
  source: SettingsSource,
  name: N,
  on?: Queryable,
): Promise<Settings[N]> {
  return (await readSettings(source, on))[name]
}
