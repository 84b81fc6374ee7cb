/** The words between registry and TEG for the audit of the books. */
import { z } from 'zod'
import { AmountOut } from '#core/base/shapes.ts'
import { Supply } from './teg.ts'

/** Movements of one kind of event in the TEG's history; amounts in AVT. */
export const Moved = z.strictObject({
  type: z.enum(['transfer.completed', 'genesis.granted', 'supply.minted', 'supply.burned']),
  count: z.int().min(0),
  amount: AmountOut,
  fee: AmountOut,
})

/**
 * GET /books?after=<number>: the supply at one committed snapshot, the number of the last event in it, and sums over
 * the history after `after` and up to `counted_to`; call again from there while that is less than `number`.
 * `supply.holds` is here what the events tell: the hold of an expired token until its expiry is written.
 */
export const Books = z.strictObject({
  incarnation: z.string(),
  number: z.int().min(0),
  counted_to: z.int().min(0),
  supply: Supply,
  treasury: AmountOut,
  moved: z.array(Moved),
})
export type Books = z.infer<typeof Books>
