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
  type OutOfBounds,
  planChanges,
  type SettingChange,
  type SettingsPatch,
  type ShownSettings,
  showSettings,
} from './rules.ts'
import {
  findIntervalFaults,
  findUnknownIntervals,
  type IntervalPatch,
  planIntervals,
  showIntervals,
} from './task-intervals.ts'

/**
 * @returns all settings after the change
 * @throws 400 validation_failed for the interval of no task; 422 out_of_bounds naming the bound; 503 teg_unavailable when the stored fee rate could not be posted (it will be)
 */
export async function changeSettings(
  ctx: RegistryContext,
  patch: SettingsPatch & { readonly intervals?: IntervalPatch },
): Promise<ShownSettings> {
  const { intervals = {} } = patch
  refuseUnknown(findUnknownIntervals(ctx.tasks, intervals))
  refuseOutOfBounds([...findOutOfBounds(patch), ...findIntervalFaults(ctx.tasks, intervals)])
  let state: StateRow | undefined
  const shown = await ctx.once(async (tx) => {
    await lockState(tx)
    const before = await selectSettings(tx)
    const changes = [
      ...planChanges(before.stored, ctx.config, patch),
      ...planIntervals(ctx.tasks, before.stored, intervals),
    ]
    if (changes.length > 0) await writeChanges(tx, ctx, before, changes)
    state = await selectSettings(tx)
    return { ...showSettings(state.stored, ctx.config), ...showIntervals(ctx.tasks, state.stored) }
  })
  if (state) keepSettings(ctx, state)
  ctx.wake('relay')
  if (patch.intra_registry_fee_rate !== undefined) await postChangedFee(ctx)
  return shown
}

function refuseUnknown(names: readonly string[]): void {
  if (names.length === 0) return
  throw fail('validation_failed', `There is no setting ${names.join(', ')}.`, {
    errors: names.map((name) => ({
      pointer: `/${name}`,
      code: 'unknown_field',
      detail: 'no task of that name has an interval that can be set',
    })),
  })
}

function refuseOutOfBounds(faults: readonly OutOfBounds[]): void {
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
      after: { value: change.after, settings_version: Number(before.version + 1n) },
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
