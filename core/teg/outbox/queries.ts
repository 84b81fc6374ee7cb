/** Statements of the numbered outbox. */
import type { Queryable } from '#core/platform/database/database.ts'
import type { TransferRow } from '../ledger/queries.ts'

/** Batches numbered in one go. */
const BATCHES_MAX = 10_000

/** Gives committed batches their numbers. */
export async function numberOutbox(db: Queryable): Promise<void> {
  await db.query('select teg.number_outbox($1::integer)', [BATCHES_MAX])
}

export type EventRow = TransferRow & { number: bigint }

/** Events after a number, in order. */
export function readEvents(db: Queryable, after: bigint, limit: number): Promise<EventRow[]> {
  return db.query<EventRow>(
    `select n.number, t.seq, t.id, t.kind, t.scope, t.key, t.from_agent, p.did as from_did, t.to_agent, q.did as to_did,
       t.amount, t.fee, t.fee_ppm, t.memo, t.reference, t.refund_of, t.from_seq, t.from_balance, t.from_held, t.to_seq,
       t.to_balance, t.code, t.detail, t.created_at
     from (select b.number_last, b.number_first, b.base from teg.outbox_numbered b
       where b.number_last > $1::bigint and b.number_first <= $1::bigint + $2::integer
       order by b.number_last limit $2::integer) b
     cross join lateral (select m.seq, b.number_first - 1 + row_number() over (order by m.seq) as number
       from teg.transfers m where m.seq >= b.base and m.seq < b.base + 5000 and m.code is null) n
     join teg.transfers t on t.seq = n.seq
     left join teg.accounts p on p.id = t.from_agent left join teg.accounts q on q.id = t.to_agent
     where n.number > $1::bigint order by n.number limit $2::integer`,
    [after, limit],
  )
}

/** The identity of this database. */
export async function readIncarnation(db: Queryable): Promise<string> {
  const rows = await db.query<{ incarnation: string }>('select m.incarnation from teg.meta m')
  return (rows[0] as { incarnation: string }).incarnation
}
