/** Shapes of the outbox's address. */
import { z } from 'zod'

const whole = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,14})$/, 'must be a whole number')
  .transform(Number)

export const BooksQuery = z.strictObject({ after: whole.default(0) })

export const OutboxQuery = z.strictObject({
  after: whole.default(0),
  limit: whole.refine((value) => value >= 1 && value <= 1000, 'must be 1 to 1000').default(500),
})
