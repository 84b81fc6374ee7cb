/** Takes a document and its salt out of the log; the commitment and every proof stay. */
import { fail as failCommon } from '#core/base/errors.ts'
import type { EventStoreContext } from '../context.ts'
import { actorOf, coversSource, sourcesOf } from '../sources-of.ts'
import { erasePayload, findOwner, insertErasure } from './queries.ts'

/**
 * Without the salt nobody can find out by guessing what the document said. A repeat changes nothing.
 * @throws 404 not_found, also for an entry of a source that the caller does not speak for
 */
export async function eraseEventPayload(
  ctx: EventStoreContext,
  { index, reason }: { index: number; reason: string },
): Promise<{ index: number; erased: true }> {
  const allowed = sourcesOf(ctx.caller, ctx.config)
  const actor = actorOf(ctx.caller)
  return ctx.once(async (tx) => {
    const owner = await findOwner(tx, index)
    if (!owner || !coversSource(allowed, owner.source)) throw failCommon('not_found')
    await insertErasure(tx, { index, reason, actor }, ctx.time)
    await erasePayload(tx, index)
    return { index, erased: true }
  })
}
