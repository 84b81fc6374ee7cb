/** Shapes of agents: requests, the envelope, versions. */
import { z } from 'zod'
import { AgentRef, PageOf, PageQuery, TimeOut, Timestamp } from '#core/base/shapes.ts'

import { CardOut, SignatureStatus } from '#core/wire/envelope.ts'

/** Judged by validate-card.ts field by field, so that all faults come at once; kept exactly as it came. */
const CardIn = z.unknown().meta({
  type: 'object',
  description: 'An A2A agent card: 1.0, or 0.3 (converted). At most 64 KiB, 100 skills, 20 tags a skill.',
})

export const SLUG = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/
export const SLUG_MAX = 63

export const PublishBody = z.strictObject({
  card: CardIn,
  slug: z
    .string()
    .regex(SLUG, 'must be 1 to 63 characters of a-z 0-9 -, not beginning or ending with -')
    .optional(),
})
export const CardBody = z.strictObject({ card: CardIn })
export const StatusBody = z.strictObject({
  status: z.enum(['active', 'deprecated', 'suspended'], {
    error: 'must be active, deprecated or suspended; DELETE retires an agent',
  }),
  reason: z.string().trim().min(1).max(500).nullable().optional(),
})
export const AgentPath = z.strictObject({ id: AgentRef })
export const VersionPath = z.strictObject({
  id: AgentRef,
  sequence: z.string().regex(/^[1-9][0-9]{0,14}$/, 'must be the sequence of a version'),
})
export const AgentList = PageQuery.extend({
  mine: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((text) => text === 'true')
    .default(false),
})
export const RetireQuery = z.strictObject({ move_balance_to: AgentRef.optional() })
export const BalanceQuery = z.strictObject({ at: Timestamp.optional() })
export const StatementQuery = PageQuery.extend({
  from: Timestamp.optional(),
  to: Timestamp.optional(),
}).refine(({ from, to }) => !from || !to || Date.parse(from) <= Date.parse(to), {
  path: ['from'],
  error: 'must not be after to',
})

/** The envelope's words stand in core/wire, because registries exchange them; passed on for the functions. */
export { AgentStatus, Envelope, EnvelopePage, Location, SignatureStatus } from '#core/wire/envelope.ts'

const Finding = z.strictObject({ pointer: z.string(), code: z.string(), detail: z.string() })
export const CardReport = z.strictObject({
  valid: z.boolean(),
  errors: z.array(Finding),
  warnings: z.array(Finding),
  read_as: z.enum(['1.0', '0.3']).meta({ description: 'The A2A version whose rules were applied' }),
  converted: CardOut.nullable().meta({ description: 'The 1.0 card made of a valid 0.3 card' }),
})

const versionFields = {
  sequence: z.number().int().min(1),
  card_version: z.string(),
  card_etag: z.string(),
  card_digest: z.string(),
  signature_status: SignatureStatus,
  signature_form: z
    .enum(['spec', 'sdk', '0.3'])
    .nullable()
    .meta({ description: 'Canonical form that the verified signature covers' }),
  signature_kid: z.string().nullable(),
  created_at: TimeOut,
}
export const Version = z.strictObject(versionFields).meta({ id: 'AgentVersion' })
export const VersionPage = PageOf(Version)
export const VersionWithCard = z
  .strictObject({
    ...versionFields,
    card: CardOut,
    original: CardOut.nullable().meta({ description: 'The 0.3 card as it came' }),
  })
  .meta({ id: 'AgentVersionWithCard' })
