/** Shapes of discovery: its filters, an item, facets, suggestions and registries. */
import { z } from 'zod'
import { AgentRef, PageOf, PageQuery, Timestamp } from '#core/base/shapes.ts'
import { Envelope, Location } from '#core/wire/envelope.ts'

const label = z.string().min(1).max(128)
/** One value, or the parameter several times: all must hold. */
const labels = z.union([label, z.array(label).max(10)]).transform((value) => [value].flat())
const flag = z
  .enum(['true', 'false'], { error: 'must be true or false' })
  .transform((text) => text === 'true')
const decimal = (pattern: RegExp, words: string, least: number, most: number) =>
  z
    .string()
    .regex(pattern, words)
    .transform(Number)
    .refine((value) => value >= least && value <= most, words)

const Near = z
  .string()
  .regex(/^[+-]?\d{1,2}([.]\d{1,15})?, ?[+-]?\d{1,3}([.]\d{1,15})?$/, 'must be latitude,longitude in degrees')
  .transform((text) => {
    const [latitude = 0, longitude = 0] = text.split(',').map(Number)
    return { latitude, longitude }
  })
  .refine(
    ({ latitude, longitude }) => Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180,
    'must be a latitude from -90 to 90 and a longitude from -180 to 180',
  )
  .meta({ description: 'latitude,longitude in degrees', examples: ['52.52,13.405'] })

const filters = {
  q: z.string().max(512).optional().meta({
    description: 'Words that must all occur; "phrases", -without, OR; the last word may be unfinished',
  }),
  skill: labels.optional().meta({ description: 'Id or name of a skill; several times: all of them' }),
  tag: labels.optional().meta({ description: 'Tag of a skill; several times: all of them' }),
  input_mode: label.optional(),
  output_mode: label.optional(),
  binding: label.optional(),
  provider: label.optional().meta({ description: 'Organization of the provider' }),
  registry: label.optional().meta({ description: 'Name of the origin registry' }),
  country: z
    .string()
    .regex(/^[A-Za-z]{2}$/, 'must be an ISO 3166 code of two letters')
    .transform((text) => text.toUpperCase())
    .optional(),
  near: Near.optional(),
  radius_km: decimal(
    /^\d{1,5}([.]\d{1,6})?$/,
    'must be a number above 0 and at most 20000',
    Number.MIN_VALUE,
    20_000,
  ).optional(),
  min_reputation: decimal(/^\d{1,3}([.]\d{1,6})?$/, 'must be a percentile from 0 to 100', 0, 100).optional(),
  signed: flag
    .optional()
    .meta({ description: 'true: only cards with a verified signature; false: the others' }),
  updated_since: Timestamp.optional(),
}

const needsNear = (
  query: { near?: unknown; radius_km?: unknown; sort?: string | undefined },
  issues: z.core.$RefinementCtx,
) => {
  const refuse = (path: string, message: string) => issues.addIssue({ code: 'custom', path: [path], message })
  if (query.near !== undefined) return
  if (query.radius_km !== undefined) refuse('radius_km', 'needs near=latitude,longitude')
  if (query.sort === 'distance') refuse('sort', 'sort=distance needs near=latitude,longitude')
}

export const FacetsQuery = z.strictObject(filters).superRefine(needsNear)
export const FindQuery = z
  .strictObject({
    ...PageQuery.shape,
    ...filters,
    sort: z.enum(['best', 'relevance', 'distance', 'reputation', 'newest']).default('best'),
    explain: flag.default(false),
  })
  .superRefine(needsNear)
export type FindFilters = z.output<typeof FacetsQuery>
export type FindInput = z.output<typeof FindQuery>

export { Envelope }
export const AgentPath = z.strictObject({ ref: AgentRef })
export const SuggestQuery = z.strictObject({
  prefix: z.string().min(1).max(100),
  limit: z
    .string()
    .regex(/^[1-9][0-9]?$/, 'must be a number from 1 to 50')
    .transform(Number)
    .refine((value) => value <= 50, 'must be at most 50')
    .default(10),
})

export const Explanation = z.strictObject({
  relevance: z.number().meta({ description: 'How well the text matches, 0 to 1; 1 without q' }),
  quality: z.number().meta({ description: 'Of reputation, signature, completeness and status, 0 to 1' }),
  reputation: z.number().nullable(),
  signature_status: z.string(),
  completeness: z.number(),
  status: z.string(),
  distance_km: z.number().nullable(),
  distance_factor: z.number(),
  corrected_query: z.string().nullable().meta({ description: 'q as it was read after repairing typos' }),
  candidates: z.int().nullable().meta({
    description: 'Cards ranked against each other; 500 at a time, the best quality first. null: no ranking',
  }),
})

export const FoundAgent = Envelope.extend({
  score: z.number(),
  explain: Explanation.optional(),
})
export const FoundAgents = PageOf(FoundAgent)

const Counts = z.array(z.strictObject({ value: z.string(), count: z.int() }))
export const Facets = z.strictObject({
  facets: z.strictObject({
    tags: Counts,
    skills: Counts,
    input_modes: Counts,
    output_modes: Counts,
    bindings: Counts,
    providers: Counts,
    countries: Counts,
    registries: Counts,
    signature_status: Counts,
  }),
  approximate: z.boolean().meta({ description: 'true: counted over the best 5000 matches only' }),
})
export type FacetName = keyof z.output<typeof Facets>['facets']

export const Suggestions = z.strictObject({
  items: z.array(z.strictObject({ text: z.string(), kind: z.enum(['agent', 'tag', 'skill', 'word']) })),
})

export const Registries = PageOf(
  z.strictObject({
    name: z.string(),
    local: z.boolean(),
    location: Location.nullable(),
    agents: z.int(),
    approximate: z.boolean().meta({ description: 'true: there are more agents than the number says' }),
  }),
)
