/** Writes an operator's act into the audit trail, in the act's own transaction. */
import { principalOf } from '#core/base/caller.ts'
import type { Context } from '#core/platform/context.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import { insertAct } from './queries.ts'

export interface Act {
  /** `<group>.<verb>`: settings.change, account.change. */
  readonly act: string
  /** `<kind>/<id or name>`. */
  readonly object: string
  /** Values before and after, without secrets; null where there was or is nothing. */
  readonly before: Record<string, unknown> | null
  readonly after: Record<string, unknown> | null
  /** Id of an act that has happened elsewhere: its second record is none. */
  readonly id?: string
}

/** The actor is the caller. */
export async function recordAct(tx: Transaction, ctx: Context, act: Act): Promise<void> {
  insertAct(tx, {
    id: act.id ?? ctx.newId(),
    actor: principalOf(ctx.caller) ?? 'anonymous',
    act: act.act,
    object: act.object,
    before: act.before,
    after: act.after,
    requestId: ctx.requestId,
    time: ctx.time,
  })
}
