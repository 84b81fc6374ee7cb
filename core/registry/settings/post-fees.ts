/** Posts the fee rate to the TEG, which decides every fee: at start-up, after a change and from a sweep. */
import { formatRate } from '#core/base/amount.ts'
import type { RegistryContext } from '../context.ts'
import { lockState, raiseVersion, selectSettings } from './queries.ts'
import { effectiveSettings } from './rules.ts'

/** How often the version is raised over one that the TEG knows (a restored database, a rival change). */
const ATTEMPTS_MAX = 3

/**
 * Makes the TEG charge the rate that counts here. Repeating it changes nothing.
 * @returns the rate in force at the TEG
 * @throws 503 teg_unavailable, 504 outcome_unknown
 */
export async function postFees(ctx: RegistryContext): Promise<{ base_rate: string; effective_rate: string }> {
  let floor = 0n
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const { version, rate } = await claimVersion(ctx, floor)
    const inForce = await ctx.teg.postFees(ctx, {
      settings_version: Number(version),
      base_rate: rate,
      effective_rate: rate,
    })
    if (inForce.base_rate === rate) return inForce
    floor = BigInt(inForce.settings_version) + 1n
  }
  throw new Error('The TEG keeps another fee rate than the settings have')
}

/** The version that stands for the rate that counts; raised when the environment or the TEG has moved past it. */
async function claimVersion(ctx: RegistryContext, floor: bigint): Promise<{ version: bigint; rate: string }> {
  return ctx.db.transaction(async (tx) => {
    await lockState(tx)
    const state = await selectSettings(tx)
    const rate = formatRate(effectiveSettings(state.stored, ctx.config).intra_registry_fee_rate)
    if (state.fee_rate === rate && state.version >= floor) return { version: state.version, rate }
    await raiseVersion(tx, rate, floor)
    return { version: (await selectSettings(tx)).version, rate }
  })
}
