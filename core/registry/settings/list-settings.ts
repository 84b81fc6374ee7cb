/** Shows every setting with its bounds and its source; the fee rate is the one in force at the TEG. */
import type { RegistryContext } from '../context.ts'
import { selectSettings } from './queries.ts'
import { type ShownSettings, showSettings } from './rules.ts'
import { showIntervals } from './task-intervals.ts'

/** @throws 503 teg_unavailable when the rate in force can't be read */
export async function listSettings(ctx: RegistryContext): Promise<ShownSettings> {
  const { stored } = await selectSettings(ctx.db)
  const shown = showSettings(stored, ctx.config)
  shown.intra_registry_fee_rate.value = (await ctx.teg.fees(ctx)).base_rate
  return { ...shown, ...showIntervals(ctx.tasks, stored) }
}
