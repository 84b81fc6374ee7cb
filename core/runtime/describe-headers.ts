/** The headers of requests and replies in the OpenAPI document. */
import { idempotencyOf, type Row } from './define-function.ts'

type Json = Record<string, unknown>

const header = (description: string, schema: Json = { type: 'string' }): Json => ({ description, schema })

/** Components: what a reply's `headers` refer to. */
export const replyHeaders: Readonly<Record<string, Json>> = {
  'X-Request-Id': header(
    'Id of the call: the one that was sent, or a new one; it stands in every line of the log',
  ),
  Location: header('Path of what was made'),
  ETag: header('Entity tag of the body, for If-None-Match'),
  'Idempotency-Replayed': header('Only "true": this is the first answer, given again', { const: 'true' }),
  'RateLimit-Policy': header('The tier and its quota, such as "authenticated";q=300;w=60'),
  RateLimit: header(
    'What is left of it and the seconds until there is more, such as "authenticated";r=299;t=1',
  ),
  'Retry-After': header('Seconds to wait', { type: 'integer', minimum: 1 }),
}

/** The parameters that stand in headers. */
export function headerParameters(row: Row<never>): Json[] {
  const use = idempotencyOf(row)
  const parameters = use === 'none' ? [] : [keyParameter(use === 'gate')]
  const { condition } = row.spec
  return condition ? [...parameters, conditions[condition]] : parameters
}

const keyParameter = (required: boolean): Json => ({
  name: 'Idempotency-Key',
  in: 'header',
  required,
  description:
    'A repeat with the same key gets the first answer and has no second effect. A UUIDv7 costs the ledger least.',
  schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,128}$' },
})

const conditions = {
  'If-Match': {
    name: 'If-Match',
    in: 'header',
    required: true,
    description: 'The card_etag that was read last, in quotes, or *: nobody overwrites what he has not seen',
    schema: { type: 'string' },
  },
  'If-None-Match': {
    name: 'If-None-Match',
    in: 'header',
    required: false,
    description: 'The ETag that was read last: 304 where nothing has changed',
    schema: { type: 'string' },
  },
} as const

/** The headers of a reply with that status; of refusals only what a client acts on (their request id is in the body, too). */
export function headersOf(row: Row<never>, status: number): { headers?: Json } {
  const { spec } = row
  const refused = status >= 400
  const names: string[] = refused ? [] : ['X-Request-Id']
  if (!spec.uncounted && (!refused || status === 429)) names.push('RateLimit-Policy', 'RateLimit')
  if (spec.location && (status === 201 || status === 202)) names.push('Location')
  if (spec.condition === 'If-None-Match' && !refused) names.push('ETag')
  if (idempotencyOf(row) !== 'none' && (!refused || MAY_BE_REPLAYED.has(status)))
    names.push('Idempotency-Replayed')
  if (status === 429 || status === 503) names.push('Retry-After')
  if (names.length === 0) return {}
  return {
    headers: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
  }
}

/** Refusals that are kept as outcomes of their key. */
const MAY_BE_REPLAYED = new Set([404, 409, 422])
