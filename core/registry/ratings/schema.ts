/** Shapes of ratings. */
import { z } from 'zod'
import { TimeOut, Uuid } from '#core/base/shapes.ts'

export const RatingIn = z.strictObject({
  score: z.number().min(0).max(1).meta({ description: '0 (worthless) to 1 (as promised)' }),
  comment: z.string().max(2000).nullish(),
})
export type RatingIn = z.output<typeof RatingIn>

export const RatingOut = z
  .strictObject({
    transfer_id: Uuid,
    from_agent: Uuid.meta({ description: 'The payer, who rates' }),
    to_agent: Uuid.nullable(),
    to_did: z.string(),
    score: z.number(),
    comment: z.string().nullable(),
    created_at: TimeOut,
  })
  .meta({ id: 'Rating' })
export type RatingOut = z.output<typeof RatingOut>
