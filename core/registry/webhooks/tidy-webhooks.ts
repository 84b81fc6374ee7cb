/** What must be looked after now and then: old deliveries go, and a webhook with too much waiting is disabled. */
import { uuidv7 } from '#core/base/ids.ts'
import type { RegistryContext } from '../context.ts'
import { countWaiting, listOverfull, sweepDeliveries } from './delivery-queries.ts'
import { disableWebhook } from './disable-webhook.ts'
import { BACKLOG_MAX, KEPT_SECONDS } from './rules.ts'

const BATCH = 500
const ROUNDS_MAX = 20

/** @param waitingMax deliveries that may wait for one webhook */
export async function tidyWebhooks(
  ctx: RegistryContext,
  waitingMax: number = BACKLOG_MAX,
): Promise<{ dropped: number; disabled: number }> {
  const oldest = uuidv7(ctx.clock.now().getTime() - KEPT_SECONDS * 1000, new Uint8Array(10))
  let dropped = 0
  for (let round = 0; round < ROUNDS_MAX && !ctx.signal.aborted; round++) {
    const gone = await ctx.db.transaction((tx) => sweepDeliveries(tx, BATCH, oldest))
    dropped += gone.length
    if (gone.length < BATCH) break
  }
  let disabled = 0
  for (const webhook of await listOverfull(ctx.db, waitingMax))
    if (await ctx.db.transaction((tx) => disableWebhook(tx, ctx, webhook, 'backlog'))) disabled++
  if (disabled > 0) {
    ctx.wake('mail')
    ctx.wake('relay')
  }
  return { dropped, disabled }
}

/** Deliveries that wait, of all webhooks: a figure for operators. */
export const readBacklog = ({ db }: Pick<RegistryContext, 'db'>): Promise<number> => countWaiting(db)
