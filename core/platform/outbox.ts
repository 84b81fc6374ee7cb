/** The transactional outbox of a service: a fact is written in the transaction that makes it true. */
import type { Context } from './context.ts'
import type { Transaction } from './database/database.ts'

export interface Emission {
  /** Dotted, past tense: `agent.published`. */
  type: string
  /** `<kind>/<id>`. */
  subject: string
  data: Record<string, unknown>
  /** Accounts (developers) that may see it; null: everybody. Operators and auditors see all. */
  audience: readonly string[] | null
}

/** Appends an event to registry.outbox, on the way to the commit. The relay takes it into the journal after that. */
export async function emitEvent(
  tx: Transaction,
  ctx: Pick<Context, 'newId' | 'time'>,
  event: Emission,
): Promise<void> {
  tx.later(
    `insert into registry.outbox (id, type, subject, data, audience, occurred_at)
     values ($1::uuid, $2::text, $3::text, $4::json, $5::uuid[], coalesce($6::timestamptz, clock_timestamp()))`,
    [ctx.newId(), event.type, event.subject, JSON.stringify(event.data), event.audience, ctx.time],
    { keep: 'insert_outbox' },
  )
}
