/** Whether registration needs an invite now: the one place that reads it. */
import type { RegistryContext } from '../context.ts'

export const inviteRequired = async (ctx: RegistryContext): Promise<boolean> =>
  ctx.config.BETA_INVITE_REQUIRED
