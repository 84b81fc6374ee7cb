/** Keeps what the payer of a settled transfer thinks of what it has paid for, once. */
import { principalOf } from '#core/base/caller.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { mayActFor } from '../act-for-agents.ts'
import type { RegistryContext } from '../context.ts'
import { seeTransfer } from '../transfers/read-transfer.ts'
import { fail } from './errors.ts'
import { transferRated } from './events.ts'
import { insertRating } from './queries.ts'
import { refuseRating } from './rules.ts'
import type { RatingIn, RatingOut } from './schema.ts'

/**
 * @throws 404 not_found; 403 not_owner for those who see the transfer but are not its payer; 409 not_rateable for a refund
 *   and for what is not completed; 409 already_rated
 */
export async function rateTransfer(ctx: RegistryContext, id: string, asked: RatingIn): Promise<RatingOut> {
  const { transfer, payer, payee } = await seeTransfer(ctx, id)
  if (!payer || !mayActFor(ctx.caller, payer))
    throw fail('not_owner', 'Only the payer of a transfer may rate it.')
  const reason = refuseRating(transfer)
  if (reason) throw fail('not_rateable', reason)
  const comment = asked.comment ?? null
  const rating = await ctx.once(async (tx) => {
    const [row] = await insertRating(tx, {
      transfer: id,
      rater: payer.id,
      rated: transfer.to_agent,
      ratedDid: transfer.to_did,
      score: asked.score,
      comment,
      by: principalOf(ctx.caller) ?? 'unknown',
      time: ctx.time,
    })
    if (!row) throw fail('already_rated', `The transfer ${id} has been rated.`)
    const made: RatingOut = {
      transfer_id: id,
      from_agent: payer.id,
      to_agent: transfer.to_agent,
      to_did: transfer.to_did,
      score: asked.score,
      comment,
      created_at: row.created_at.toISOString(),
    }
    const audience = [...new Set([payer.owner, ...(payee ? [payee.owner] : [])])]
    await emitEvent(tx, ctx, transferRated(made, audience))
    return made
  })
  ctx.wake('relay')
  return rating
}
