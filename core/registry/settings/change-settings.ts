/** Changes settings: values, version, events and the audit trail in one transaction; then the fee goes to the TEG. */

import { formatRate } from '#core/base/amount.ts'
import { principalOf } from '#core/base/caller.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { settingsChanged } from './events.ts'
import { postFees } from './post-fees.ts'
import {
  deleteSetting,
  lockState,
  raiseVersion,
  type StateRow,
  selectSettings,
  upsertSetting,
} from './queries.ts'
import { keepSettings } from './read-settings.ts'
import {
  effectiveSettings,
  findOutOfBounds,
  planChanges,
  type SettingChange,
  type SettingName,
  type SettingsPatch,
  type ShownSetting,
  showSettings,
} from './rules.ts'

/**
 * @returns all settings after the change
 * @throws 422 out_of_bounds naming the bound; 503 teg_unavailable when the stored fee rate could not be posted (it will be)
 */
export async function changeSettings(
  ctx: RegistryContext,
  patch: SettingsPatch,
): Promise<Record<SettingName, ShownSetting>> {
  refuseOutOfBounds(patch)
  let state: StateRow | undefined
  const shown = await ctx.once(async (tx) => {
    await lockState(tx)
    const before = await selectSettings(tx)
    const changes = planChanges(before.stored, ctx.config, patch)
    if (changes.length > 0) await writeChanges(tx, ctx, before, changes)
    state = await selectSettings(tx)
    return showSettings(state.stored, ctx.config)
  })
  if (state) keepSettings(ctx, state)
  ctx.wake('relay')
  if (patch.intra_registry_fee_rate !== undefined) await postChangedFee(ctx)
  return shown
}

function refuseOutOfBounds(patch: SettingsPatch): void {
  const faults = findOutOfBounds(patch)
  if (faults.length === 0) return
  throw fail('out_of_bounds', faults.map(({ name, bounds }) => `${name} ${bounds}`).join('; '), {
    errors: faults.map(({ name, bounds }) => ({
      pointer: `/${name}`,
      code: 'out_of_bounds',
      detail: bounds,
    })),
  })
}

async function writeChanges(
  tx: Transaction,
  ctx: RegistryContext,
  before: StateRow,
  changes: readonly SettingChange[],
): Promise<void> {
  const actor = principalOf(ctx.caller) ?? 'unknown'
  const stored = { ...before.stored }
  for (const change of changes) {
    if (change.text === null) {
      delete stored[change.name]
      await deleteSetting(tx, change.name)
    } else {
      stored[change.name] = change.text
      await upsertSetting(tx, { name: change.name, value: change.text, actor, time: ctx.time })
    }
    await emitEvent(tx, ctx, settingsChanged(change, actor, before.version + 1n))
    await recordAct(tx, ctx, {
      act: 'settings.change',
      object: `settings/${change.name}`,
      before: { value: change.before },
      after: { value: change.after },
    })
  }
  const { intra_registry_fee_rate } = effectiveSettings(stored, ctx.config)
  await raiseVersion(tx, formatRate(intra_registry_fee_rate), 0n)
}

async function postChangedFee(ctx: RegistryContext): Promise<void> {
  try {
    await postFees(ctx)
  } catch (error) {
    throw fail(
      'teg_unavailable',
      'The change is stored, but the TEG has not taken the fee rate yet: the former one is in force until it has.',
      { headers: { 'retry-after': '5' }, cause: error },
    )
  }
}
