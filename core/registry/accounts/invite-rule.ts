/** Whether registration needs an invite now: the one place that reads it. */
import type { RegistryContext } from '../context.ts'
import { readSetting } from '../settings/read-settings.ts'

export const inviteRequired = (ctx: RegistryContext): Promise<boolean> =>
  readSetting(ctx, 'beta_invite_required')
