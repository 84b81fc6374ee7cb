/** Shapes of the quarantine. */
import { z } from 'zod'
import { PageOf, TimeOut, Uuid } from '#core/base/shapes.ts'
import { parseSpiffeId } from '#core/base/spiffe-id.ts'

const Subject = z
  .string()
  .max(2048)
  .refine((text) => parseSpiffeId(text) !== null, {
    error: 'must be spiffe://<trust domain>/<path>, or spiffe://<trust domain> for all of it',
  })
  .meta({ examples: ['spiffe://example.com/registry/north'] })

/** POST /federation/quarantine. */
export const QuarantineIn = z.strictObject({
  spiffe_id: Subject,
  /** For whoever lifts it one day. */
  reason: z.string().trim().min(1).max(500),
})
export type QuarantineIn = z.output<typeof QuarantineIn>

export const QuarantineOut = z.strictObject({
  id: Uuid,
  spiffe_id: z.string(),
  reason: z.string(),
  actor: z.string(),
  created_at: TimeOut,
})
export type QuarantineOut = z.output<typeof QuarantineOut>
export const QuarantinePage = PageOf(QuarantineOut)
