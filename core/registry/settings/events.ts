/** What a change of settings emits; only operators and auditors see it. */
import type { Emission } from '#core/platform/outbox.ts'
import type { SettingChange } from './rules.ts'

export const settingsChanged = (change: SettingChange, actor: string, version: bigint): Emission => ({
  type: 'settings.changed',
  subject: `settings/${change.name}`,
  data: {
    name: change.name,
    actor,
    old: change.before,
    new: change.after,
    settings_version: Number(version),
  },
  audience: [],
})
