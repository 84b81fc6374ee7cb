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
  /** Who did it and when, where that is not the call at hand. */
  readonly by?: { readonly actor: string; readonly requestId: string; readonly time: Date }
}

/** The actor is the caller, unless the act says otherwise. */
export async function recordAct(tx: Transaction, ctx: Context, act: Act): Promise<void> {
  insertAct(tx, {
    id: act.id ?? ctx.newId(),
    actor: act.by?.actor ?? principalOf(ctx.caller) ?? 'anonymous',
    act: act.act,
    object: act.object,
    before: act.before,
    after: act.after,
    requestId: act.by?.requestId ?? ctx.requestId,
    time: act.by?.time ?? ctx.time,
  })
}
