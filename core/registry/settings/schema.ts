/** Shapes of the settings: strict in, exact out. */
import { z } from 'zod'
import { parseRate } from '#core/base/amount.ts'
import { AmountIn, PageOf } from '#core/base/shapes.ts'
import { FeeSnapshot } from '#core/wire/teg.ts'
import { type SettingName, settingNames } from './rules.ts'
import { INTERVAL_NAME } from './task-intervals.ts'

/** A rate such as "0.005"; its bounds are a rule (422). */
const Rate = z
  .string()
  .regex(
    /^(0|[1-9][0-9]{0,3})([.][0-9]{1,4})?$/,
    'must be a decimal string with at most 4 decimals, such as "0.005"',
  )
  .transform((text) => parseRate(text) as bigint)
  .meta({ description: 'A share of one, decimal string with at most 4 decimals', examples: ['0.005'] })
/** An amount as a decimal string; a whole JSON number is exact too and taken. */
const Amount = z.union(
  [
    AmountIn,
    z
      .int()
      .min(0)
      .transform((whole) => BigInt(whole) * 1_000_000n),
  ],
  {
    error: 'must be AVT as a decimal string with at most 6 decimals, such as "1000"',
  },
)
const Count = z.union(
  [
    z.int(),
    z
      .string()
      .regex(/^[0-9]{1,10}$/)
      .transform(Number),
  ],
  { error: 'must be a whole number' },
)

/** The names that are always there; only those given change, null returns to the environment's value. */
const Known = z.object({
  intra_registry_fee_rate: Rate.nullish(),
  genesis_grant_amount: Amount.nullish(),
  genesis_grant_enabled: z.boolean().nullish(),
  genesis_budget_per_day: Amount.nullish(),
  beta_invite_required: z.boolean().nullish(),
  rate_limit_public_per_minute: Count.nullish(),
  rate_limit_authenticated_per_minute: Count.nullish(),
})
const Patch = Known.catchall(z.unknown()).meta({
  additionalProperties: false,
  patternProperties: { [INTERVAL_NAME.source]: { type: ['integer', 'null'], minimum: 1 } },
})
/** PATCH /operator/settings: beside the known names one for each task, task_<name>_interval_seconds. */
export const SettingsPatchIn = Patch.transform((patch, check) => {
  const intervals: Record<string, number | null> = {}
  for (const [name, value] of Object.entries(patch)) {
    if (name in Known.shape || value === undefined) continue
    if (!INTERVAL_NAME.test(name))
      check.issues.push({ code: 'unrecognized_keys', keys: [name], input: patch })
    else {
      const seconds = Count.nullable().safeParse(value)
      if (seconds.success) intervals[name] = seconds.data
      else
        check.issues.push({
          code: 'custom',
          path: [name],
          message: 'must be a whole number or null',
          input: value,
        })
    }
  }
  return { ...(patch as z.output<typeof Known>), intervals }
})

const Shown = z.union([z.string(), z.boolean(), z.number()])
const ShownSettingOut = z.strictObject({
  value: Shown,
  default: Shown,
  minimum: Shown.optional(),
  maximum: Shown.optional(),
  source: z.enum(['api', 'governance', 'env', 'default']),
})

/** GET /operator/settings; beside the known names one for each task: task_<name>_interval_seconds. */
export const SettingsOut = z
  .object(
    Object.fromEntries(settingNames.map((name) => [name, ShownSettingOut])) as Record<
      SettingName,
      typeof ShownSettingOut
    >,
  )
  .catchall(ShownSettingOut)

/** A rate that the TEG has had in force, from `created_at` until the next one. */
export const FeeRecord = FeeSnapshot.extend({
  /** The operator who set this rate; null: it came from the environment, or was set before this was noted. */
  set_by: z.string().nullable(),
}).meta({ id: 'FeeRecord' })
export type FeeRecord = z.output<typeof FeeRecord>
export const FeeRecordPage = PageOf(FeeRecord)
