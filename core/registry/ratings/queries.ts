/** Statements of the ratings. */
import type { Transaction } from '#core/platform/database/database.ts'

export interface RatingRow {
  transfer: string
  rater: string
  rated: string | null
  ratedDid: string
  score: number
  comment: string | null
  by: string
  time: Date | null
}

/** No row: the transfer has been rated. A rival's open transaction is waited for. */
export const insertRating = (tx: Transaction, row: RatingRow) =>
  tx.query<{ created_at: Date }>(
    `insert into registry.ratings (transfer_id, rater, rated, rated_did, score, comment, rated_by, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, coalesce($8::timestamptz, clock_timestamp()))
     on conflict (transfer_id) do nothing
     returning created_at`,
    [row.transfer, row.rater, row.rated, row.ratedDid, row.score, row.comment, row.by, row.time],
  )
