/** Shapes of keys in requests and replies. */
import { z } from 'zod'
import { AgentRef, AmountIn, AmountOut, PageOf, TimeOut, Timestamp, Uuid } from '#core/base/shapes.ts'
import { RoleName } from '../schema.ts'

export const scopeGroups = [
  'account',
  'agents',
  'discovery',
  'transfers',
  'payments',
  'staking',
  'governance',
  'events',
  'webhooks',
  'reputation',
  'audit',
  'federation',
] as const

export const ScopeName = z
  .enum([...scopeGroups.flatMap((group) => [`${group}:read`, `${group}:write`]), '*'], {
    error: 'must be <group>:read or <group>:write, or *',
  })
  .meta({ description: '<group>:read or <group>:write (write includes read), or * for everything' })
export const KeyName = z
  .string()
  .min(1)
  .max(100)
  .regex(/^\P{Cc}*$/u, 'must not hold control characters')
export const Scopes = z
  .array(ScopeName)
  .min(1)
  .max(scopeGroups.length * 2 + 1)

/** nfk_ keys act with scopes; nfo_ keys act with the roles of their account. */
const OwnKind = z.enum(['developer', 'operator'])
export const CreateKeyBody = z.strictObject({
  name: KeyName,
  scopes: Scopes,
  expires_at: Timestamp.optional(),
  kind: OwnKind.optional(),
})
export type NewKey = z.output<typeof CreateKeyBody>

/** What an agent's key may spend. Absent or null: no limit of that kind. */
export const LimitsIn = z.strictObject({
  per_transfer: AmountIn.nullable().optional(),
  per_day: AmountIn.nullable().optional(),
  allowed_payees: z.array(AgentRef).max(100).nullable().optional(),
})
export const LimitsOut = z.strictObject({
  per_transfer: AmountOut.nullable(),
  per_day: AmountOut.nullable(),
  allowed_payees: z.array(z.string()).nullable(),
})
export type LimitsOut = z.infer<typeof LimitsOut>
export const CreateAgentKeyBody = z.strictObject({
  name: KeyName,
  scopes: Scopes,
  limits: LimitsIn.optional(),
  expires_at: Timestamp.optional(),
})
export type NewAgentKey = z.output<typeof CreateAgentKeyBody>

const common = {
  id: Uuid,
  name: z.string(),
  prefix: z.string(),
  created_at: TimeOut,
  expires_at: TimeOut.nullable(),
  last_used_at: TimeOut.nullable(),
}
/** The key itself: given in the reply that makes it and never again. */
const secret = { secret: z.string() }

export const ApiKey = z.strictObject({
  ...common,
  kind: OwnKind,
  scopes: z.array(z.string()),
  roles: z.array(RoleName),
})
export const ApiKeyCreated = ApiKey.extend(secret)
export const ApiKeyPage = PageOf(ApiKey)
export const AgentKey = z.strictObject({
  ...common,
  agent: Uuid,
  scopes: z.array(z.string()),
  limits: LimitsOut.nullable(),
})
export const AgentKeyCreated = AgentKey.extend(secret)
export const AgentKeyPage = PageOf(AgentKey)
/** The path of one key of an agent. */
export const AgentKeyPath = z.strictObject({ id: AgentRef, key_id: Uuid })

/** RFC 6749 section 3.2: parameters that are not recognised are ignored. */
export const TokenRequest = z.object({
  grant_type: z.string().max(100),
  client_id: z.string().max(200).optional(),
  client_secret: z.string().max(200).optional(),
  scope: z.string().max(2000).optional(),
})
export const OAuthToken = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.number().int(),
  scope: z.string(),
})
