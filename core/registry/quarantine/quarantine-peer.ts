/** Puts a workload of the federation, or all of a trust domain, into quarantine: from the commit on it is refused. */
import { principalOf } from '#core/base/caller.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { recordAct } from '../audit/record-act.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { peerQuarantined } from './events.ts'
import { countQuarantined, insertQuarantine, lockQuarantine } from './queries.ts'
import type { QuarantineIn, QuarantineOut } from './schema.ts'
import { showQuarantine } from './show-quarantine.ts'

export const QUARANTINED_MAX = 10_000

/** @throws 409 already_quarantined, quarantine_full */
export async function quarantinePeer(ctx: RegistryContext, wish: QuarantineIn): Promise<QuarantineOut> {
  const shown = await ctx.once(async (tx) => {
    await lockQuarantine(tx)
    if ((await countQuarantined(tx)) >= QUARANTINED_MAX)
      throw fail('quarantine_full', `It holds ${QUARANTINED_MAX}: quarantine a trust domain as a whole.`)
    const actor = principalOf(ctx.caller) ?? 'unknown'
    const row = await insertQuarantine(
      tx,
      { id: ctx.newId(), spiffeId: wish.spiffe_id, reason: wish.reason, actor },
      ctx.time,
    )
    if (!row) throw fail('already_quarantined', `${wish.spiffe_id} is in quarantine already.`)
    await emitEvent(tx, ctx, peerQuarantined(row, actor))
    await recordAct(tx, ctx, {
      act: 'quarantine.add',
      object: `quarantine/${row.id}`,
      before: null,
      after: { spiffe_id: row.spiffe_id, reason: row.reason },
    })
    return showQuarantine(row)
  })
  ctx.wake('relay')
  return shown
}
