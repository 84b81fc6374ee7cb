/** Shapes of emission policies. */
import { z } from 'zod'
import { isPattern } from '#core/base/pattern.ts'
import { TimeOut } from '#core/base/shapes.ts'

export const POLICIES_MAX = 100

const Pattern = z
  .string()
  .refine(isPattern, 'must be a pattern of event types, such as agent.* or >')
  .meta({ examples: ['agent.*'] })
const Targets = z
  .array(z.enum(['ledger', 'webhook', 'live']))
  .min(1)
  .max(3)
  .refine((targets) => new Set(targets).size === targets.length, 'must name each target once')
const Pointers = z
  .array(
    z
      .string()
      .max(256)
      .regex(/^(\/([^~/\s]|~[01])+)+$/, 'must be a JSON pointer into data, such as /memo'),
  )
  .min(1)
  .max(20)
const common = { priority: z.int().min(1).max(10_000), types: Pattern }

export const PolicyShape = z.discriminatedUnion('action', [
  z.strictObject({ ...common, action: z.literal('emit'), targets: Targets }),
  z.strictObject({ ...common, action: z.literal('drop'), targets: Targets }),
  z.strictObject({
    ...common,
    action: z.literal('sample'),
    targets: Targets,
    /** One of so many events goes on. */
    one_in: z.int().min(2).max(1_000_000),
  }),
  z.strictObject({ ...common, action: z.literal('redact'), pointers: Pointers }),
  z.strictObject({ ...common, action: z.literal('hash'), pointers: Pointers }),
])
const Policies = z.array(PolicyShape).max(POLICIES_MAX)

/** PUT /events/policies: the whole set. `version` is the one that the caller has read; another is a 412. */
export const PoliciesIn = z.strictObject({ policies: Policies, version: z.int().min(0).optional() })
/** GET and PUT /events/policies. */
export const PoliciesOut = z.strictObject({
  version: z.int(),
  policies: Policies,
  /** Types that are always emitted whole and everywhere. */
  floor: z.array(z.string()),
  changed_at: TimeOut.nullable(),
  changed_by: z.string().nullable(),
})
export type PoliciesOut = z.infer<typeof PoliciesOut>

/** POST /events/policies/dry-run: what the set would have done to events that the journal holds. */
export const DryRunIn = z.strictObject({
  policies: Policies,
  /** The newest so many events. */
  last: z.int().min(1).max(5000).default(1000),
})
const Count = z.int().min(0)
export const DryRunOut = z.strictObject({
  from: z.int(),
  to: z.int(),
  types: z.array(
    z.strictObject({
      type: z.string(),
      events: Count,
      floor: z.boolean(),
      ledger: Count,
      webhook: Count,
      live: Count,
      redacted: Count,
    }),
  ),
})
export type DryRunOut = z.infer<typeof DryRunOut>
