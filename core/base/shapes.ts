/** Zod shapes of the words that every part uses: amounts, ids, times, pages. */
import { z } from 'zod'
import { AMOUNT_PATTERN, parseAmount } from './amount.ts'
import { PAGE_DEFAULT, PAGE_MAX } from './page.ts'

/** An amount in a request, parsed to micro-AVT. Range (0.0001 to 9007199254.740991) is judged later, as 422. */
export const AmountIn = z
  .string()
  .regex(AMOUNT_PATTERN, 'must be a decimal number with at most 6 decimals, such as "12.5"')
  .transform((text) => parseAmount(text) as bigint)
  .meta({ description: 'AVT, decimal string with at most 6 decimals', examples: ['12.5'] })

/** An amount in a reply: canonical decimal string. */
export const AmountOut = z.string().regex(/^-?(0|[1-9][0-9]*)([.][0-9]{0,5}[1-9])?$/)
/** A rate in a reply ("0.005"). */
export const RateOut = z.string().regex(/^(0|[1-9][0-9]*)([.][0-9]{0,5}[1-9])?$/)

export const Uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, {
    error: 'must be a UUID',
  })
/** An agent named by local id or by did. */
export const AgentRef = z
  .string()
  .max(512)
  .regex(
    /^([0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|did:web:[A-Za-z0-9.%:_-]+)$/,
    'must be an agent id or a did:web',
  )
/** A moment in a request: RFC 3339 with any offset, normalised to UTC; PostgreSQL knows neither a year 0 nor an offset of 20 hours. */
export const Timestamp = z.iso
  .datetime({ offset: true })
  .refine((text) => isMoment(new Date(text)), { error: 'must be a moment between the years 1 and 9999' })
  .transform((text) => new Date(text).toISOString())
/** A moment in a reply: RFC 3339 in UTC. */
export const TimeOut = z.iso.datetime()

/** The query of a list; extend it with the list's own filters. */
export const PageQuery = z.strictObject({
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,2}$/, `must be a number from 1 to ${PAGE_MAX}`)
    .transform(Number)
    .refine((value) => value <= PAGE_MAX, `must be at most ${PAGE_MAX}`)
    .default(PAGE_DEFAULT),
  cursor: z.string().max(1024).optional(),
})

/** The reply of a list. */
export const PageOf = <T extends z.ZodType>(item: T) =>
  z.strictObject({ items: z.array(item), next_cursor: z.string().nullable() })

/** The path of a thing by id: anything else than a UUID is simply not found. */
export const IdPath = z.strictObject({ id: Uuid })

function isMoment(date: Date): boolean {
  const year = date.getUTCFullYear()
  return year >= 1 && year <= 9999
}
