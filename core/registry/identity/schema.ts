/** Shapes of the federation routes. */
import { z } from 'zod'
import { TimeOut } from '#core/base/shapes.ts'

export const PingOut = z.strictObject({
  registry: z.string(),
  /** The identity that the caller's certificate shows. */
  caller_spiffe_id: z.string(),
})
export type PingOut = z.output<typeof PingOut>

export const IdentityOut = z.strictObject({
  registry: z.string(),
  /** none: no identity now, and so no federation; expiring: it should have been changed by now. */
  identity: z.enum(['none', 'ok', 'expiring']),
  spiffe_id: z.string().nullable(),
  trust_domain: z.string().nullable(),
  not_after: TimeOut.nullable(),
  /** Where peers reach this registry. */
  federation_url: z.string().nullable(),
})
export type IdentityOut = z.output<typeof IdentityOut>
