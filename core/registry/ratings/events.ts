/** What ratings emit; the comment, which is somebody's own words, stays out of the journal. */
import type { Emission } from '#core/platform/outbox.ts'
import type { RatingOut } from './schema.ts'

/** @param audience the developers of both agents */
export const transferRated = (rating: RatingOut, audience: readonly string[]): Emission => {
  const { comment: _words, ...data } = rating
  return { type: 'transfer.rated', subject: `transfers/${rating.transfer_id}`, data, audience }
}
