/** Lifts a quarantine: the peer is what it was, as far as its certificate says so. */
import { principalOf } from '#core/base/caller.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { peerReleased } from './events.ts'
import { deleteQuarantine, lockQuarantine } from './queries.ts'

/** @throws 404 not_found */
export async function liftQuarantine(ctx: RegistryContext, id: string): Promise<void> {
  await ctx.once(async (tx) => {
    await lockQuarantine(tx)
    const row = await deleteQuarantine(tx, id)
    if (!row) throw fail('not_found', 'There is no quarantine of that id.')
    await emitEvent(tx, ctx, peerReleased(row, principalOf(ctx.caller) ?? 'unknown'))
    await recordAct(tx, ctx, {
      act: 'quarantine.lift',
      object: `quarantine/${row.id}`,
      before: { spiffe_id: row.spiffe_id, reason: row.reason },
      after: null,
    })
    return null
  })
  ctx.wake('relay')
}
